"""Waiting: for the markers of queues, as BullMQ's workers do, and for streams."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from headrace.core.errors import Unavailable
from headrace.core.topics import ready
from headrace.storage.redis.ear import Claimers, Ear
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.line import Line
from headrace.storage.redis.link import ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed
from headrace.storage.redis.watch import Watch

EARS_MAX: Final = 64  # connections on which one task waits for markers; the queues beyond share the last one

_READY: Final = ready("")
_Seen: TypeAlias = dict[str, dict[str, int]]
"""Of each topic that a task has waited for, the numbers of its streams; of a queue, none."""
_Task: TypeAlias = "asyncio.Task[Any]"


class Bell:
    """What `Storage.wait` is on Redis."""

    def __init__(self, finder: Finder, line: Line, keys: Keys) -> None:
        self._finder = finder
        self._line = line
        self._keys = keys
        self._watch = Watch(finder, line)
        self._claimers = Claimers(keys)
        self.note = self._claimers.note
        """Learn from a claim who works on which queue."""
        self._seen: WeakKeyDictionary[_Task, _Seen] = WeakKeyDictionary()
        self._ears: dict[_Task, dict[tuple[str, ...], Ear]] = {}
        self._is_closed = False

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.setdefault(task, {})
        queues = [topic.removeprefix(_READY) for topic in topics if topic.startswith(_READY)]
        streams = {topic: self._keys.streams(topic) for topic in topics if not topic.startswith(_READY)}
        fresh = frozenset(topics) - seen.keys()
        seen.update({ready(queue): {} for queue in queues})
        moved = await self._moved(streams, seen, is_now=timeout_ms <= 0)
        if fresh or moved or timeout_ms <= 0:
            await asyncio.sleep(0)  # who waits in a circle leaves room for others
            is_look = queues and timeout_ms <= 0 and not fresh
            return fresh | moved | (await self._looked(task, queues) if is_look else frozenset())
        rung = await self._ring(
            task, queues, [number for topic in streams for number in seen[topic].items()], timeout_ms
        )
        return rung if self._is_closed else rung | await self._moved(streams, seen)

    async def close(self) -> None:
        """End every wait."""
        self._is_closed = True
        ears = [ear for group in self._ears.values() for ear in group.values()]
        for task in list(self._ears):
            self._close_ears(task)
        await self._watch.close()
        for ear in ears:
            await ear.ended()

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
        self, task: _Task, queues: list[str], numbers: Collection[tuple[str, int]], timeout_ms: int
    ) -> frozenset[str]:
        """Wait for a marker, a move, or the end of the time; the queues whose markers came."""
        ears = self._ears_of(task, queues)
        if not ears:
            await self._watch.move(dict(numbers), timeout_ms / 1000)
            return frozenset()
        bell = asyncio.Event()
        moved = asyncio.create_task(self._watch.move(dict(numbers), timeout_ms / 1000)) if numbers else None
        if moved is not None:
            moved.add_done_callback(lambda _: bell.set())
        try:
            for ear in ears:
                ear.begin(bell)
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_ms / 1000):
                    await bell.wait()
        finally:
            if moved is not None:
                moved.cancel()
                await asyncio.gather(moved, return_exceptions=True)
            for ear in ears:
                ear.rest()
        return self._heard(ears, queues)

    def _heard(self, ears: Iterable[Ear], queues: Iterable[str], found: Iterable[str] = ()) -> frozenset[str]:
        """Of which queues markers came, beside those that were found; `Unavailable` only if of none."""
        topics = [ready(queue) for queue in queues]
        rung, problem = set(found), None
        for ear in ears:
            try:
                rung |= ear.heard(topics)
            except Unavailable as error:
                problem = error
        if problem is not None and not rung and not self._is_closed:
            raise problem
        return frozenset(rung)

    def _ears_of(self, task: _Task, queues: list[str]) -> list[Ear]:
        """A connection for each queue, made when the task first waits for it and closed when the task has ended."""
        alone, rest = queues[: EARS_MAX - 1], queues[EARS_MAX - 1 :]
        groups = [(queue,) for queue in alone] + ([tuple(rest)] if rest else [])
        if not groups:
            return []
        if task not in self._ears:
            self._ears[task] = {}
            task.add_done_callback(self._close_ears)
        ears = self._ears[task]
        for group in groups:
            if group not in ears:
                ears[group] = self._ear(task, group)
        return [ears[group] for group in groups]

    def _ear(self, task: _Task, queues: tuple[str, ...]) -> Ear:
        worker = self._claimers.take(queues[0])
        task.add_done_callback(lambda _: self._claimers.leave(queues[0], worker))
        line = Line(self._finder, self._claimers.name(queues[0], worker))
        return Ear(line, {self._keys.marker(queue): ready(queue) for queue in queues}, self._line)

    def _close_ears(self, task: _Task) -> None:
        for ear in self._ears.pop(task, {}).values():
            ear.close()

    async def _looked(self, task: _Task, queues: list[str]) -> frozenset[str]:
        """The queues whose markers are there now, or came when the task did not wait; a marker that is seen is gone."""
        markers = [self._keys.marker(queue) for queue in queues]
        replies = await self._line.ask(b"".join(packed("ZPOPMIN", marker) for marker in markers), len(markers))
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise Unavailable(problem=meaning(str(reply)).says)
        await asyncio.sleep(0)  # lets those that had taken one hear of it
        found = [ready(queue) for queue, reply in zip(queues, replies, strict=True) if reply]
        return self._heard(self._ears.get(task, {}).values(), queues, found)
