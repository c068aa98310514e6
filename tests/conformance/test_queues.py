"""Queues: what queues there are, and how many jobs are where."""

from headrace.core.commands import Configure, QueueList, QueueRecord, Queues
from headrace.core.jobs import STATES

from .clock import FrozenClock
from .desk import Desk, child, new, parent, put_back


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
    assert q == QueueRecord("q", is_paused=False, counts=dict.fromkeys(STATES, 1))
    assert r.counts == dict.fromkeys(STATES, 0) | {"waiting": 1}


async def test_a_queue_says_until_when_it_rests(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.settle(put_back(await desk.claim_one(), 100))
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until == clock.now + 100
    clock.advance(99)
    assert (await desk.run(Queues())).queues == (record,)
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
