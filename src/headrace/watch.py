"""One reader of a queue's events for everybody who waits for jobs of it: waiting costs nothing per waiter."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from headrace.core import topics
from headrace.core.commands import Read
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.jobs import FINISHED
from headrace.core.log import Change, Entry
from headrace.storage.protocol import Storage, granted

PAGE: Final = 1_000
_ENDS: Final = frozenset({*FINISHED, "removed"})
_changes: Final = msgspec.json.Decoder(Change)


class Watch:
    """Tells waiters that a job has finished or is gone. It reads as long as somebody waits."""

    def __init__(self, store: Storage, queue: str, poll_ms: int) -> None:
        self.is_over = False
        self._store = store
        self._channel = topics.job_events(queue)
        self._poll_ms = poll_ms
        self._position = 0
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._starting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """From here on no end of a job is missed."""
        async with self._starting:
            if self._reader is None:
                first = await self._store.run(Read(self._channel, limit=1))
                self._position = granted(first).last
                self._reader = asyncio.create_task(self._read(), name=f"headrace watch {self._channel}")

    async def close(self) -> None:
        """Stop reading; whoever still waits gets `Unavailable`. Idempotent."""
        self.is_over = True
        self._tell_all(Unavailable(problem="the app was closed while a result was waited for"))
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    @contextmanager
    def ending(self, job_id: str) -> Generator[asyncio.Future[None]]:
        """A future that is done when the job may have ended, or the reader has: look then, and ask again."""
        future = asyncio.get_running_loop().create_future()
        if self.is_over:
            future.set_result(None)
        else:
            self._waiters.setdefault(job_id, []).append(future)
        try:
            yield future
        finally:
            if future in (waiting := self._waiters.get(job_id, [])):
                waiting.remove(future)
            if not waiting:
                self._waiters.pop(job_id, None)

    async def _read(self) -> None:
        try:
            while not self.is_over:
                await self._store.wait([topics.log(self._channel)], self._poll_ms)
                await self._catch_up()
                self.is_over = not self._waiters
        except HeadraceError as error:
            self._tell_all(error)
        finally:
            self.is_over = True
            self._tell_all()

    async def _catch_up(self) -> None:
        while True:
            answer = await self._store.run(Read(self._channel, self._position, PAGE))
            reply = granted(answer)
            if reply.gap is not None or reply.last < self._position:
                self._tell_all()
            for entry in reply.entries:
                self._tell(entry)
            self._position = reply.entries[-1].position if reply.entries else reply.last
            if self._position >= reply.last:
                return

    def _tell(self, entry: Entry) -> None:
        if entry.key in self._waiters and _changes.decode(entry.body).state in _ENDS:
            for future in self._waiters.pop(entry.key):
                if not future.done():
                    future.set_result(None)

    def _tell_all(self, error: HeadraceError | None = None) -> None:
        waiters, self._waiters = self._waiters, {}
        for future in (future for futures in waiters.values() for future in futures):
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
