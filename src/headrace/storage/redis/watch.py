"""Who waits for streams: one connection of the store blocks on all streams that somebody waits for.

A stream that moved has another number than when it was looked at last; numbers are never used twice. So nothing is
missed between two waits of a task, whether the connection was listening then or not: it continues after the entry that
it saw last. When the connection breaks, everything may have moved.
"""

import asyncio
import itertools
import random
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from headrace.core.errors import Unavailable
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.line import Line
from headrace.storage.redis.link import Link, ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

BLOCK_MS: Final = 5_000  # one blocking read; a connection that says nothing for longer is dead
GRACE_S: Final = 2.0
RETRY_S: Final = 1.0  # between two connections, at most
NAME: Final = "headrace-events"
STREAMS_MAX: Final = 10_000  # streams that are remembered; beyond, those that nobody waits for are forgotten
_EMPTY: Final = "0-0"  # before every id


class Watch:
    """How streams move, for all tasks of a store."""

    def __init__(self, finder: Finder, line: Line) -> None:
        self._finder = finder
        self._line = line  # for what must not wait
        self._numbers = itertools.count(1)
        self._moves: dict[str, int] = {}
        self._ends: dict[str, str] = {}  # the id of the entry that was seen last
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._wanted: set[str] = set()  # what the next blocking read is for
        self._blocked: frozenset[str] | None = None  # what the present one is for
        self._client_id = 0
        self._is_prodded = False
        self._more = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._prodder: asyncio.Task[None] | None = None
        self._is_closed = False

    async def look(self, streams: Collection[str]) -> dict[str, int]:
        """The number of each stream; those that are not known are looked at first."""
        while unknown := [stream for stream in streams if stream not in self._ends]:
            self._make_room(streams)
            await self._refresh(self._line, dict.fromkeys(unknown, _EMPTY))
        return {stream: self._moves[stream] for stream in streams}

    async def look_again(self, streams: Collection[str]) -> dict[str, int]:
        """The number of each stream, by what the server says now."""
        self._make_room(streams)
        await self._refresh(self._line, {stream: self._ends.get(stream, _EMPTY) for stream in streams})
        return {stream: self._moves[stream] for stream in streams}

    async def move(self, seen: dict[str, int], timeout_s: float) -> None:
        """Wait until one of some streams has another number than was seen, or the time is over, or all is closed."""
        event = asyncio.Event()
        for stream in seen:
            self._waiters.setdefault(stream, set()).add(event)
        try:
            if not self._is_closed and all(self._moves.get(stream) == number for stream, number in seen.items()):
                if seen:
                    self._want(seen)
                with suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await event.wait()
        finally:
            for stream in seen:
                self._waiters[stream].discard(event)
                if not self._waiters[stream]:
                    del self._waiters[stream]

    async def close(self) -> None:
        self._is_closed = True
        tasks = [task for task in (self._reader, self._prodder) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._forget()

    def _want(self, streams: Collection[str]) -> None:
        self._wanted.update(streams)
        self._more.set()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        if self._is_short() and (self._prodder is None or self._prodder.done()):
            self._prodder = asyncio.create_task(self._prod())

    def _is_short(self) -> bool:
        """The connection blocks, and not on everything that is wanted."""
        return self._blocked is not None and not self._wanted <= self._blocked

    async def _prod(self) -> None:
        """End the blocking read, so that the next one is for everything. The server may not have begun it yet."""
        with suppress(Unavailable):  # if this may not be, the read ends in BLOCK_MS
            while self._is_short():
                self._is_prodded = True
                _accepted((await self._line.ask(packed("CLIENT", "UNBLOCK", self._client_id), 1))[0])
                if self._is_short():
                    await asyncio.sleep(0.001)

    async def _read(self) -> None:
        while True:
            link = None
            try:
                link = await self._finder.connect(NAME)
                self._client_id = _accepted((await link.ask(packed("CLIENT", "ID"), 1))[0])
                while True:
                    await self._block(link)
            except Unavailable:
                self._forget()  # who waits looks for himself, and is told
                await asyncio.sleep(RETRY_S * random.random())
            finally:
                if link is not None:
                    link.close()

    async def _block(self, link: Link) -> None:
        """One blocking read. A stream that nobody waits for, when it moves or nothing does, is wanted no more."""
        while not self._wanted:
            self._more.clear()
            await self._more.wait()
        self._blocked, self._is_prodded = frozenset(self._wanted), False
        streams = list(self._blocked)
        ends = [self._ends[stream] for stream in streams]
        request = packed("XREAD", "COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", *streams, *ends)
        (reply,) = await link.ask(request, 1, BLOCK_MS / 1000 + GRACE_S)
        self._blocked = None
        moved = {stream: entries[-1][0] for stream, entries in _accepted(reply) or ()}
        if moved or not self._is_prodded:
            self._wanted -= (moved.keys() or frozenset(streams)) - self._waiters.keys()
        if moved:  # all that came meanwhile is one move
            await self._refresh(link, moved)

    async def _refresh(self, line: Link | Line, known: Mapping[str, str]) -> None:
        """See where streams end; one that has been emptied since, at the entry that is known."""
        requests = [packed("XREVRANGE", stream, "+", "-", "COUNT", 1) for stream in known]
        replies = await line.ask(b"".join(requests), len(requests))
        for (stream, entry_id), reply in zip(known.items(), replies, strict=True):
            self._saw(stream, reply[0][0] if _accepted(reply) else entry_id)

    def _saw(self, stream: str, entry_id: str) -> None:
        if self._ends.get(stream) == entry_id:
            return
        self._ends[stream] = entry_id
        self._moves[stream] = next(self._numbers)
        for event in self._waiters.get(stream, ()):
            event.set()

    def _forget(self) -> None:
        """Nothing is known; whoever waits may look."""
        self._ends.clear()
        self._moves.clear()
        self._wanted.clear()
        self._blocked = None
        for events in self._waiters.values():
            for event in events:
                event.set()

    def _make_room(self, streams: Collection[str]) -> None:
        if len(self._ends) >= STREAMS_MAX:
            for stream in self._ends.keys() - self._waiters.keys() - self._wanted - set(streams):
                del self._ends[stream], self._moves[stream]


def _accepted(reply: Any) -> Any:
    """The reply, unless the server refuses: it may be told to."""
    if isinstance(reply, ReplyError):
        raise Unavailable(problem=meaning(str(reply)).says)
    return reply
