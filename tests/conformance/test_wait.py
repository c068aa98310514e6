"""Wait: learn that a topic may have moved."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from headrace.core import topics
from headrace.core.commands import Add, Command, Configure, Move, Publish, Recover, Settle
from headrace.storage.protocol import Storage

from .clock import FrozenClock
from .desk import Desk, child, done, later, new, parent, put_back, ref

LONG_MS = 10_000
READY = frozenset({topics.ready("q")})


async def woken_by(store: Storage, topic: str, command: Command[object]) -> frozenset[str]:
    """What a task that already waits for a topic gets when a command runs."""
    waits = asyncio.Event()

    async def waiter() -> frozenset[str]:
        await store.wait([topic], 0)
        waits.set()
        return await store.wait([topic], LONG_MS)

    async with asyncio.timeout(LONG_MS / 1000 / 2):
        task = asyncio.create_task(waiter())
        await waits.wait()
        await asyncio.sleep(0)
        await store.run(command)
        return await task


async def test_the_first_wait_of_a_task_returns_at_once(store: Storage) -> None:
    wanted = [topics.ready("q"), topics.log("c"), topics.CONTROL]
    assert await store.wait(wanted, LONG_MS) == frozenset(wanted)


async def test_a_wait_ends_in_time_when_nothing_moves(store: Storage) -> None:
    await store.wait(READY, 0)
    async with asyncio.timeout(5):
        assert await store.wait(READY, 20) <= READY


async def test_a_wait_for_nothing_ends_in_time(store: Storage) -> None:
    assert await store.wait([], 5) == frozenset()


async def test_what_moved_between_two_waits_is_not_missed(store: Storage, desk: Desk) -> None:
    await store.wait(READY, 0)
    await desk.add(new())
    assert await store.wait(READY, LONG_MS) == READY


async def test_each_task_waits_for_itself(store: Storage, desk: Desk) -> None:
    async def look() -> frozenset[str]:
        return await store.wait(READY, LONG_MS)

    await desk.add(new())
    assert await look() == READY
    assert await asyncio.create_task(look()) == READY
    assert await asyncio.create_task(look()) == READY


async def test_only_the_topics_that_were_waited_for_are_seen(store: Storage, desk: Desk) -> None:
    await store.wait([topics.ready("q"), topics.ready("r")], 0)
    await desk.add(new(), new(queue="r"))
    assert await store.wait([topics.ready("q")], LONG_MS) == {topics.ready("q")}
    assert await store.wait([topics.ready("r")], LONG_MS) == {topics.ready("r")}


Arrange = Callable[[Desk, FrozenClock], Awaitable[Command[object]]]


async def adding(desk: Desk, clock: FrozenClock) -> Command[object]:
    return Add((new(),))


async def adding_with_delay(desk: Desk, clock: FrozenClock) -> Command[object]:
    return Add((new(delay_ms=5),))


async def putting_back(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new())
    return Settle((put_back(await desk.claim_one()),))


async def postponing(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new())
    return Settle((later(await desk.claim_one(), 5),))


async def releasing_a_parent(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(parent("p"), child("p", queue="r"))
    return Settle((done(await desk.claim_one("r")),))


async def recovering(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new())
    await desk.claim_one(lease_ms=1)
    clock.advance(1)
    return Recover()


async def retrying(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new())
    await desk.finish()
    return Move((ref("1"),), "retry")


async def promoting(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new(delay_ms=5))
    return Move((ref("1"),), "promote")


async def bringing_forward(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.add(new(delay_ms=500))
    return Move((ref("1"),), "delay", delay_ms=5)


async def resuming(desk: Desk, clock: FrozenClock) -> Command[object]:
    await desk.run(Configure("q", is_paused=True))
    await desk.add(new())
    return Configure("q", is_paused=False)


@pytest.mark.parametrize(
    "arrange",
    [
        adding,
        adding_with_delay,
        putting_back,
        postponing,
        releasing_a_parent,
        recovering,
        retrying,
        promoting,
        bringing_forward,
        resuming,
    ],
)
async def test_whoever_waits_for_jobs_is_woken_by(
    store: Storage, desk: Desk, clock: FrozenClock, arrange: Arrange
) -> None:
    command = await arrange(desk, clock)
    assert await woken_by(store, topics.ready("q"), command) == READY


async def test_whoever_waits_for_a_channel_is_woken_by_an_entry(store: Storage) -> None:
    topic = topics.log("c")
    assert await woken_by(store, topic, Publish("c", ("1",))) == {topic}


async def test_whoever_waits_for_job_events_is_woken_by_a_transition(store: Storage, desk: Desk) -> None:
    await desk.add(new())
    topic = topics.log(topics.job_events("q"))
    assert await woken_by(store, topic, Settle((done(await desk.claim_one()),))) == {topic}


async def test_workers_are_woken_by_a_request_to_cancel(store: Storage, desk: Desk) -> None:
    await desk.add(new())
    await desk.claim_one()
    assert await woken_by(store, topics.CONTROL, Move((ref("1"),), "cancel")) == {topics.CONTROL}
