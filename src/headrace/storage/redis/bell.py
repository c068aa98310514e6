"""Waiting: for the markers of queues, as BullMQ's workers do, and for streams."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from headrace.core.errors import Unavailable
from headrace.core.topics import ready
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.link import Address, Links, ReplyError, packed
from headrace.storage.redis.watch import Watch

WAITERS_MAX: Final = 64  # connections that wait for markers

_READY: Final = ready("")
_Seen: TypeAlias = dict[str, dict[str, int]]
"""Of each topic that a task has waited for, the numbers of its streams; of a queue, none."""


class Bell:
    """What `Storage.wait` is on Redis."""

    def __init__(self, address: Address, links: Links, keys: Keys) -> None:
        self._keys = keys
        self._waiters = Links(address, WAITERS_MAX)
        self._watch = Watch(address, links)
        self._seen: WeakKeyDictionary[asyncio.Task[Any], _Seen] = WeakKeyDictionary()
        self._is_closed = False

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.setdefault(task, {})
        markers = {self._keys.marker(topic.removeprefix(_READY)): topic for topic in topics if topic.startswith(_READY)}
        streams = {topic: self._keys.streams(topic) for topic in topics if not topic.startswith(_READY)}
        fresh = frozenset(topics) - seen.keys()
        seen.update({topic: {} for topic in markers.values()})
        moved = await self._moved(streams, seen, is_now=timeout_ms <= 0)
        if fresh or moved or timeout_ms <= 0:
            await asyncio.sleep(0)  # who waits in a circle leaves room for others
            is_look = markers and timeout_ms <= 0 and not fresh
            return fresh | moved | (await self._marked(markers, 0) if is_look else frozenset())
        rung = await self._ring(markers, [number for topic in streams for number in seen[topic].items()], timeout_ms)
        return rung if self._is_closed else rung | await self._moved(streams, seen)

    async def close(self) -> None:
        """End every wait."""
        self._is_closed = True
        self._waiters.close()
        await self._watch.close()

    async def _moved(
        self, streams: Mapping[str, Collection[str]], seen: _Seen, *, is_now: bool = False
    ) -> frozenset[str]:
        """The topics whose streams have other numbers than were seen; they are seen now."""
        look = self._watch.look_again if is_now else self._watch.look
        numbers = await look({stream for group in streams.values() for stream in group}) if streams else {}
        found = {topic: {stream: numbers[stream] for stream in group} for topic, group in streams.items()}
        moved = frozenset(topic for topic, group in found.items() if seen.get(topic) != group)
        seen.update(found)
        return moved

    async def _ring(
        self, markers: dict[str, str], numbers: Collection[tuple[str, int]], timeout_ms: int
    ) -> frozenset[str]:
        """Wait for a marker, a move, or the end of the time; the queue whose marker came."""
        if not markers:
            await self._watch.move(dict(numbers), timeout_ms / 1000)
            return frozenset()
        if not numbers:
            return await self._marked(markers, timeout_ms)
        # Who leaves a marker's connection may take a marker along: that costs others a poll interval.
        marked = asyncio.ensure_future(self._marked(markers, timeout_ms))
        moved = asyncio.ensure_future(self._watch.move(dict(numbers), timeout_ms / 1000))
        try:
            await asyncio.wait({marked, moved}, return_when=asyncio.FIRST_COMPLETED)
            return await marked if marked.done() else frozenset()
        finally:
            marked.cancel()
            moved.cancel()
            await asyncio.gather(marked, moved, return_exceptions=True)

    async def _marked(self, markers: dict[str, str], timeout_ms: int) -> frozenset[str]:
        """The topic whose marker came in time. A marker is taken by one waiter; who claims leaves it for the next."""
        timeout_s = max(timeout_ms, 2) / 1000  # below 2 ms old servers wait for ever
        request = packed("BZPOPMIN", *markers, f"{timeout_s:.3f}")
        try:
            (reply,) = await self._waiters.ask(request, 1, timeout_s + 5)
        except Unavailable:
            if self._is_closed:
                return frozenset()
            raise
        if isinstance(reply, ReplyError):
            raise Unavailable(problem=str(reply))
        return frozenset() if reply is None else frozenset({markers[reply[0]]})
