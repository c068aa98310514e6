"""Queues: what queues there are, and how many jobs are where."""

from headrace.core.commands import Configure, QueueList, QueueRecord, Queues
from headrace.core.commands.queues import CLASSES_MAX
from headrace.core.jobs import STATES

from .clock import FrozenClock
from .desk import Desk, child, later, new, parent, put_back, ref


async def names(desk: Desk, *wanted: str) -> list[str]:
    return [record.name for record in (await desk.run(Queues(wanted or None))).queues]


async def test_an_empty_store_has_no_queue(desk: Desk) -> None:
    assert await desk.run(Queues()) == QueueList(())


async def test_queues_come_by_name_in_the_order_of_code_points(desk: Desk) -> None:
    for name in ("b", "ä", "B", "a", "a2", "a10", "{x}"):
        await desk.add(new(queue=name))
    assert await names(desk) == ["B", "a", "a10", "a2", "b", "{x}", "ä"]


async def test_only_the_queues_asked_for_that_exist_are_given(desk: Desk) -> None:
    await desk.add(new(queue="a"), new(queue="b"), new(queue="c"))
    assert await names(desk, "c", "nowhere", "a", "c") == ["a", "c"]
    assert (await desk.run(Queues(()))).queues == ()


async def test_a_queue_says_how_many_jobs_are_in_each_state(desk: Desk) -> None:
    await desk.add(new(), new(), new(), new(), new(priority=1), new(delay_ms=1), parent("p"), child("p", queue="r"))
    await desk.finish()
    await desk.fail()
    await desk.claim_one()
    (q, r) = (await desk.run(Queues())).queues
    assert q == QueueRecord("q", is_paused=False, counts=dict.fromkeys(STATES, 1), oldest_ms=0)
    assert r.counts == dict.fromkeys(STATES, 0) | {"waiting": 1}


async def test_a_queue_says_until_when_it_rests(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.settle(put_back(await desk.claim_one(), 100))
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until == clock.now + 100
    clock.advance(99)
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until == clock.now + 1
    clock.advance(1)
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until is None


async def test_a_queue_stays_when_its_last_job_is_gone(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.remove(job)
    assert await names(desk) == ["q"]


async def test_a_queue_says_whether_it_is_paused(desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    (record,) = (await desk.run(Queues())).queues
    assert record.is_paused


async def oldest(desk: Desk) -> int | None:
    (record,) = (await desk.run(Queues(("q",)))).queues
    return record.oldest_ms


async def test_a_queue_says_how_long_the_oldest_ready_job_has_been_ready(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=50), parent("p"), child("p", queue="r"))
    clock.advance(20)
    assert await oldest(desk) is None  # to wait for something is not to be ready
    await desk.add(new(priority=7))
    clock.advance(5)
    await desk.add(new(), new(priority=2))
    clock.advance(25)
    assert await oldest(desk) == 30
    await desk.claim(names=("none of them",))  # promotes the delayed one
    assert await oldest(desk) == 30
    await desk.remove(ref("3"))
    assert await oldest(desk) == 25
    await desk.claim(limit=2)
    clock.advance(1)
    assert await oldest(desk) == 26
    await desk.claim()
    assert await oldest(desk) is None


async def test_beyond_a_hundred_priorities_nobody_looks_for_the_oldest(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(priority=500), new(priority=400))
    clock.advance(10)
    await desk.add(*(new(priority=priority) for priority in range(1, CLASSES_MAX)))
    clock.advance(10)
    assert await oldest(desk) == 20
    await desk.add(new(), new(priority=CLASSES_MAX))
    assert await oldest(desk) == 10
    await desk.remove(ref("3"))
    assert await oldest(desk) == 20


async def test_what_goes_to_the_front_is_not_the_oldest(desk: Desk, clock: FrozenClock) -> None:
    for _ in range(3):
        await desk.add(new(lifo=True))
        clock.advance(10)
    await desk.add(new())
    clock.advance(10)
    assert await desk.ids("waiting") == ["3", "2", "1", "4"]
    assert await oldest(desk) == 40
    leases = await desk.claim()
    assert await desk.settle(put_back(leases[2]), later(leases[0], 0)) == (None, None)
    clock.advance(3)
    await desk.settle(put_back(leases[1]))
    assert await oldest(desk) == 3


async def test_a_clock_that_is_set_back_makes_nothing_younger_than_new(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    clock.advance(-100)
    assert await oldest(desk) == 0
