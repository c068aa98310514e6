"""Seeing what other processes commit to the same SQLite file, so that an idle worker wakes up within a millisecond.

While somebody waits, the kernel tells of writes to the `-wal` file (inotify, Linux); elsewhere a timer looks. Either
way `PRAGMA data_version`, which costs microseconds, says whether somebody committed. The kernel's notice comes before
the commit can be seen: after it, the watch looks again a few times, closely spaced.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

import apsw

from headrace.core import topics
from headrace.storage.sql.lite.ledger import as_json
from headrace.storage.sql.script import load

SQL: Final = load("watch")
LOOKS: Final = 12  # after a notice of the kernel, 0.3 ms apart at first
BUSY_S: Final = 0.01  # the pause between looks while this process itself commits: its writes are noticed too
POLL_S: Final = 0.02  # where the kernel gives no notice
_IN_MODIFY: Final = 0x2
_NOTICES: Final = 4096  # bytes read at once


class Watch:
    """Looks for foreign commits while armed; `moved` is told the topics whose counters changed."""

    def __init__(self, db: apsw.Connection, path: str, moved: Callable[[set[str]], None]) -> None:
        self._db = db
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._topics: set[str] = set()
        self._known: dict[str, int] = {}
        self._version = -1
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._own_at = float("-inf")  # when this process last began to commit
        self._notices = _notices(f"{path}-wal")

    def learn(self, wanted: Collection[str]) -> None:
        """Note where these topics stand, if they are new: what moves from now on is told by the next `arm`."""
        new = [topic for topic in wanted if topic not in self._known]
        if new:
            self._known.update(self._counters(new))

    def arm(self, wanted: Collection[str]) -> None:
        """Begin to look for these topics, or for more; tells at once what moved while nobody looked."""
        is_idle = not self._topics
        self._topics.update(wanted)
        if is_idle and self._notices is not None:
            self._loop.add_reader(self._notices, self._notice)
        elif is_idle:
            self._timer = self._loop.call_later(POLL_S, self._poll)
        self._version = -1
        self._look()

    def disarm(self) -> None:
        """Look no more; nobody waits."""
        self._topics.clear()
        if self._notices is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._notices)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expect_own(self, now: float) -> None:
        """This process is about to commit: what the kernel tells next is most likely about that."""
        self._own_at = now

    def close(self) -> None:
        """Give everything back."""
        self.disarm()
        if self._notices is not None:
            os.close(self._notices)
            self._notices = None
        self._db.close()

    def _notice(self) -> None:
        """The kernel saw a write. Look a few times, and hear of no more writes meanwhile: each would be a wake-up."""
        assert self._notices is not None
        self._loop.remove_reader(self._notices)
        self._looks = LOOKS
        if self._loop.time() - self._own_at < BUSY_S:
            self._timer = self._loop.call_later(BUSY_S, self._look_again)
        else:
            self._look_again()

    def _look_again(self) -> None:
        self._looks -= 1
        if self._look() or self._looks <= 0:
            self._listen()
        else:
            pause = 0.0003 * (LOOKS - self._looks)
            self._timer = self._loop.call_later(pause, self._look_again)

    def _listen(self) -> None:
        assert self._notices is not None
        self._timer = None
        with suppress(BlockingIOError):
            os.read(self._notices, _NOTICES)
        self._loop.add_reader(self._notices, self._notice)
        self._look()  # at what was committed between the last look and here

    def _poll(self) -> None:
        self._timer = self._loop.call_later(POLL_S, self._poll)
        self._look()

    def _look(self) -> bool:
        version = int(str(self._db.pragma("data_version")))
        if version == self._version:
            return False
        self._version = version
        counters = self._counters(self._topics)
        changed = {topic for topic, count in counters.items() if self._known.get(topic, count) != count}
        self._known.update(counters)
        if changed:
            self._moved(changed)
        return True

    def _counters(self, wanted: Collection[str]) -> dict[str, int]:
        counters = dict.fromkeys(wanted, 0)
        for step, prefix in ((SQL.queues, topics.ready("")), (SQL.channels, topics.log("")), (SQL.signals, "")):
            names = [topic.removeprefix(prefix) for topic in wanted if topic.startswith(prefix)]
            if names:
                rows = self._db.execute(step, {"names": as_json(names)})
                counters.update((prefix + name, count) for name, count in rows)
        return counters


def _notices(path: str) -> int | None:
    """A descriptor that becomes readable when the file is written to, where the kernel has inotify."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_MODIFY) < 0:
        os.close(descriptor)
        return None
    return int(descriptor)
