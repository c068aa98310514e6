"""The disk: what was committed is acknowledged when it cannot be lost any more, one sync for many commits.

SQLite would sync the write-ahead log inside each commit, and the writer would stand still for as long as the disk
takes. Here it commits and goes on, and a thread of its own syncs the log for all that was committed meanwhile; see
docs/decisions/0004-acknowledge-apart-from-the-commit.md.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import closing
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import apsw

from headrace.core.errors import Unavailable
from headrace.storage.sql.connect import connect

Deliver: TypeAlias = Callable[[list[Any], set[str]], None]
"""Takes calls that may be answered now, and topics that have moved."""

sync_file: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)

_log: Final = logging.getLogger("headrace")


class Disk(threading.Thread):
    """Takes calls that were committed, and delivers them when the disk has what they did, or may not have it.

    A kernel reports a failed sync once and may then take the lost pages for written. So after a failure nothing is
    said to be safe until all of the log has been moved into the file, and the log begins anew.
    """

    def __init__(self, path: str, sync: Callable[[int], None], deliver: Deliver) -> None:
        super().__init__(name="headrace-disk", daemon=True)
        self._path = path
        self._sync = sync
        self._deliver = deliver
        self._committed: SimpleQueue[tuple[list[Any], set[str]] | None] = SimpleQueue()
        self._has_failed = False

    def put(self, calls: list[Any], moved: set[str]) -> None:
        """These were committed, and these topics are to be told with them."""
        self._committed.put((calls, moved))

    def stop(self) -> None:
        """Finish what was put, and end."""
        self._committed.put(None)
        self.join()

    def run(self) -> None:
        """Serve until stopped. The log is there as long as the writer's connection is."""
        log = os.open(f"{self._path}-wal", os.O_RDWR)
        is_open = True
        while is_open:
            calls, moved, is_open = self._next()
            if calls:
                self._make_safe(log, calls)
                self._deliver(calls, moved)
        os.close(log)

    def _next(self) -> tuple[list[Any], set[str], bool]:
        calls: list[Any] = []
        moved: set[str] = set()
        committed = self._committed.get()
        while committed is not None:
            calls += committed[0]
            moved |= committed[1]
            if self._committed.empty():
                return calls, moved, True
            committed = self._committed.get()
        return calls, moved, False

    def _make_safe(self, log: int, calls: list[Any]) -> None:
        try:
            if self._has_failed:
                self._begin_anew()
            else:
                self._sync(log)
        except (OSError, apsw.Error) as error:
            self._has_failed = True
            _log.error("%s: the disk did not take what was committed: %s", self._path, error)
            for call in calls:
                call.error = Unavailable(problem=f"the disk did not take it: {error}")

    def _begin_anew(self) -> None:
        with closing(connect(self._path)) as db:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        self._has_failed = False
        _log.info("%s: the disk works again", self._path)
