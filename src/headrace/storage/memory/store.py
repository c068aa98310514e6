"""The four methods of the store, over one plain function a command."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final
from weakref import WeakKeyDictionary

from headrace.core import commands
from headrace.core.commands import Command
from headrace.core.errors import Unavailable
from headrace.storage.memory import (
    add,
    annotate,
    claim,
    leases,
    locks,
    log,
    move,
    queues,
    reads,
    remove,
    schedules,
    settle,
    tally,
    workers,
)
from headrace.storage.memory.world import World
from headrace.storage.protocol import Clock

FUNCTIONS: Final[dict[type[Command[Any]], Callable[[World, Any, int], Any]]] = {
    commands.Add: add.add,
    commands.Claim: claim.claim,
    commands.Settle: settle.settle,
    commands.Renew: leases.renew,
    commands.Recover: leases.recover,
    commands.Move: move.move,
    commands.Remove: remove.remove,
    commands.Annotate: annotate.annotate,
    commands.Configure: queues.configure,
    commands.Queues: queues.queues,
    commands.Forget: queues.forget,
    commands.Get: reads.get,
    commands.Find: reads.find,
    commands.Count: reads.count,
    commands.Tree: reads.tree,
    commands.Lines: reads.lines,
    commands.Tally: tally.tally,
    commands.Publish: log.publish,
    commands.Read: log.read,
    commands.Commit: log.commit,
    commands.Trim: log.trim,
    commands.Channels: log.channels,
    commands.Acquire: locks.acquire,
    commands.Release: locks.release,
    commands.Locks: locks.locks,
    commands.Beat: workers.beat,
    commands.Leave: workers.leave,
    commands.Workers: workers.workers,
    commands.PutSchedule: schedules.put_schedule,
    commands.DropSchedule: schedules.drop_schedule,
    commands.Fire: schedules.fire,
    commands.Schedules: schedules.schedules,
}


class MemoryStore:
    """A store that lives as long as this object. `clock` gives milliseconds; without it the host's is used."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or _host_clock
        self._world = World()
        self._is_open = False
        self._seen: WeakKeyDictionary[asyncio.Task[Any], dict[str, int]] = WeakKeyDictionary()
        self._sleepers: set[asyncio.Event] = set()

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False
        self._rouse()

    async def run(self, *commands: Command[Any]) -> Any:
        if not self._is_open:
            raise Unavailable(problem="it is not open")
        now = self._clock()
        replies = tuple(FUNCTIONS[type(command)](self._world, command, now) for command in commands)
        self._rouse()
        return replies[0] if len(replies) == 1 else replies

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.setdefault(task, {})
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while self._is_open and not self._moved(topics, seen):
                    await self._sleep()
        except TimeoutError:
            pass
        moved = self._moved(topics, seen)
        seen.update({topic: self._world.moves.get(topic, 0) for topic in topics})
        return moved

    def _moved(self, topics: Collection[str], seen: dict[str, int]) -> frozenset[str]:
        return frozenset(topic for topic in topics if seen.get(topic) != self._world.moves.get(topic, 0))

    async def _sleep(self) -> None:
        event = asyncio.Event()
        self._sleepers.add(event)
        try:
            await event.wait()
        finally:
            self._sleepers.discard(event)

    def _rouse(self) -> None:
        for event in self._sleepers:
            event.set()


def _host_clock() -> int:
    return time.time_ns() // 1_000_000
