"""Moving what was committed from the write-ahead log into the file, beside the writer instead of in its way.

SQLite does it by itself inside a commit, which then waits for several syncs of the disk. Here a thread of its own does
it whenever the log has grown. A log that is written to all the time can only begin anew when all of it has been moved,
so from a hard bound on the writing thread moves the rest itself: little, as this one was there before.
"""

import logging
import threading
from typing import Final

import apsw

from headrace.storage.sql.lane import Lane

SOFT_PAGES: Final = 1_000
HARD_PAGES: Final = 8_000  # 32 MiB

_log: Final = logging.getLogger("headrace")


class Checkpointer(threading.Thread):
    """Checkpoints a database through a connection of its own while `lane` goes on to write through `writer`."""

    def __init__(self, lane: Lane, writer: apsw.Connection, db: apsw.Connection) -> None:
        super().__init__(name="headrace-checkpoint", daemon=True)
        self._lane = lane
        self._db = db
        self._has_grown = threading.Event()
        self._is_stopped = False
        self._next = SOFT_PAGES  # the length of the log at which the thread is called again
        writer.set_wal_hook(self._committed)

    def stop(self) -> None:
        """End; the last connection to close the file moves what is left."""
        self._is_stopped = True
        self._has_grown.set()
        self.join()

    def run(self) -> None:
        """Serve until stopped."""
        while True:
            self._has_grown.wait()
            if self._is_stopped:
                break
            self._has_grown.clear()
            _checkpoint(self._db)
        self._db.close()

    def _committed(self, writer: apsw.Connection, _: str, pages: int) -> int:
        if pages >= HARD_PAGES and self._lane.is_here():
            _checkpoint(writer)
        elif pages >= HARD_PAGES:
            self._lane.use_thread()
        elif pages >= self._next:
            self._next = pages + SOFT_PAGES
            self._has_grown.set()
        elif pages < SOFT_PAGES:
            self._next = SOFT_PAGES  # the log has begun anew
        return apsw.SQLITE_OK


def _checkpoint(db: apsw.Connection) -> None:
    try:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        pass  # another process is at it
    except (apsw.FullError, apsw.IOError) as error:
        _log.warning("the write-ahead log cannot be moved into the file now, and goes on growing: %s", error)
