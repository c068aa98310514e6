"""The embedded store: one SQLite file, one connection that writes with group commit, one that reads."""

import asyncio
import os
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final, overload
from weakref import WeakKeyDictionary

from headrace.core.commands import Add, Command
from headrace.core.errors import Misuse, Refused, Unavailable
from headrace.core.topics import ready
from headrace.storage.protocol import A, B, C, Clock
from headrace.storage.sql.calls import Call
from headrace.storage.sql.checkpoint import Checkpointer
from headrace.storage.sql.connect import connect, migrate
from headrace.storage.sql.disk import Disk, sync_file
from headrace.storage.sql.lane import Lane
from headrace.storage.sql.lite import READS, VOLATILE, is_fresh
from headrace.storage.sql.watch import Watch
from headrace.storage.sql.within import WithinSqlite

ANNOUNCED_MAX: Final = 10  # jobs of an Add whose queues are woken before it is committed


class SqliteStore:
    """A store in a file that any number of processes on one machine may open, or in memory.

    A commit is on the disk before it is acknowledged. Must not be carried over a fork: open it after.
    `page_max` bounds the file, in pages of 4 KiB; Adds beyond it are refused with `StorageFull`.
    `sync` brings an open file to the disk; tests let it fail.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Clock | None = None,
        page_max: int | None = None,
        sync: Callable[[int], None] = sync_file,
    ) -> None:
        self.path = path
        self._sync = sync
        self._clock = clock or _now
        self._page_max = page_max
        self._pid = os.getpid()
        self._writer: Lane | None = None
        self._reader: Lane | None = None
        self._checkpointer: Checkpointer | None = None
        self._watch: Watch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counts: dict[str, int] = {}
        self._seen: WeakKeyDictionary[asyncio.Task[Any], dict[str, int]] = WeakKeyDictionary()
        self._waiters: dict[asyncio.Future[None], Collection[str]] = {}

    async def open(self) -> None:
        """Open the file, creating it and its schema if need be; see `Storage.open`."""
        if self._writer is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        db = await asyncio.to_thread(self._connect_and_migrate)
        lane = partial(Lane, clock=self._clock, home=self._loop, moved=self._moved, is_awaited=self._is_awaited)
        if self.path == ":memory:":
            self._writer = self._reader = lane("headrace-writer", db, is_writing=True)
            self._writer.start()
        else:
            disk = partial(Disk, self.path, self._sync)
            self._writer = lane("headrace-writer", db, is_writing=True, disk=disk)
            self._writer.start()
            self._checkpointer = Checkpointer(self._writer, db, connect(self.path))
            self._checkpointer.start()
            reading = connect(self.path, is_read_only=True)
            self._reader = lane("headrace-reader", reading, is_writing=False)
            self._reader.start()
            self._watch = Watch(connect(self.path, is_read_only=True), self.path, self._moved)

    async def close(self) -> None:
        """Finish what was submitted and close the file; see `Storage.close`."""
        lanes = {self._writer, self._reader} - {None}
        self._writer = self._reader = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._moved(set(self._counts))
        for lane in lanes:
            assert lane is not None
            lane.end_turn()
            await asyncio.to_thread(lane.stop)
        if self._checkpointer is not None:
            await asyncio.to_thread(self._checkpointer.stop)
            self._checkpointer = None

    @overload
    async def run(self, command: Command[A], /) -> A | Refused: ...
    @overload
    async def run(self, first: Command[A], second: Command[B], /) -> tuple[A | Refused, B | Refused]: ...
    @overload
    async def run(
        self, first: Command[A], second: Command[B], third: Command[C], /
    ) -> tuple[A | Refused, B | Refused, C | Refused]: ...
    @overload
    async def run(self, *commands: Command[A]) -> tuple[A | Refused, ...]: ...
    async def run(self, *commands: Command[Any]) -> Any:
        """Apply commands in order; see `Storage.run`."""
        if not commands:
            return ()
        loop = self._loop or asyncio.get_running_loop()
        future = loop.create_future()
        first = commands[0]
        if type(first) is Add and self._writer is not None:
            # Callers that add at the same moment share a transaction, and the first of them does the rest.
            if len(commands) == 1 and is_fresh(first.jobs):
                is_first = self._writer.submit_fresh(first, future, loop)
            else:
                is_first = self._writer.submit(Call(commands, future, is_durable=True), loop)
            if is_first:
                self._before_writing(loop)
            if self._waiters:
                self._announce(first)
        else:
            lane = self._lane(commands)
            call = Call(commands, future, is_durable=_are_durable(commands))
            if lane is not self._reader:
                self._before_writing(loop)
                lane.submit(call, loop)
            else:
                lane.submit_now(call)
        return await future

    def run_blocking(self, *commands: Command[Any]) -> Any:
        """As `run`, from any thread that has no event loop to keep alive: leases are renewed this way."""
        call = Call(commands, None, is_durable=_are_durable(commands))
        self._lane(commands).submit_from_thread(call)
        assert call.done is not None
        call.done.wait()
        return call.result()

    def within(self, connection: object) -> WithinSqlite:
        """The store in a transaction of the caller's: an apsw connection to the same file; see `Transactional`."""
        self._check_process()
        if self.path == ":memory:":
            raise Misuse("a store in memory has no second connection; use a file")
        return WithinSqlite(connection, self.path, self._clock)

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """The topics that may have moved; see `Storage.wait`."""
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.setdefault(task, {})
        if self._watch is not None:
            self._watch.learn(topics)
        moved = self._news(topics, seen)
        if not moved and timeout_ms > 0:
            await self._until_moved(topics, timeout_ms)
            moved = self._news(topics, seen)
        for topic in topics:
            seen[topic] = self._counts.get(topic, 0)
        return moved

    def _news(self, topics: Collection[str], seen: dict[str, int]) -> frozenset[str]:
        return frozenset(topic for topic in topics if seen.get(topic, -1) != self._counts.get(topic, 0))

    async def _until_moved(self, topics: Collection[str], timeout_ms: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[future] = topics
        timer = future.get_loop().call_later(timeout_ms / 1000, _resolve, future)
        try:
            if self._watch is not None:
                self._watch.arm(topics)
            await future
        finally:
            timer.cancel()
            del self._waiters[future]
            if self._watch is not None and not self._waiters:
                self._watch.disarm()

    def _moved(self, topics: set[str]) -> None:
        for topic in topics:
            self._counts[topic] = self._counts.get(topic, 0) + 1
        for future, wanted in self._waiters.items():
            if not topics.isdisjoint(wanted):
                _resolve(future)

    def _is_awaited(self) -> bool:
        """Whether somebody waits for a topic now; from any thread."""
        return bool(self._waiters)

    def _announce(self, add: Add) -> None:
        """Wake who waits for these queues now: their Claim will stand in line right behind the Add.

        It saves an idle worker the way from the commit to the loop and back. The commit wakes once more.
        """
        self._moved({ready(job.queue) for job in add.jobs[:ANNOUNCED_MAX]})

    def _before_writing(self, loop: asyncio.AbstractEventLoop) -> None:
        self._check_process()
        if self._watch is not None:
            self._watch.expect_own(loop.time())

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise Misuse("this store was opened before a fork; open one in each process, after forking")

    def _lane(self, commands: tuple[Command[Any], ...]) -> Lane:
        self._check_process()
        lane = self._writer if type(commands[0]) not in READS else self._reader
        if lane is not self._writer and not all(type(command) in READS for command in commands):
            lane = self._writer
        if lane is None:
            raise Unavailable(problem="it is closed")
        return lane

    def _connect_and_migrate(self) -> Any:
        db = connect(self.path, page_max=self._page_max)
        try:
            migrate(db, self.path)
        except BaseException:
            db.close()
            raise
        return db


def _are_durable(commands: tuple[Command[Any], ...]) -> bool:
    return not all(type(command) in VOLATILE for command in commands)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _now() -> int:
    return time.time_ns() // 1_000_000
