"""Recover: give back jobs whose lease ended."""

from headrace.core.commands import Configure
from headrace.core.lifecycle import STALLED_REASON
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, child, deferred, ids, new, parent, ref


async def test_a_lease_that_holds_is_left_alone(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.claim(lease_ms=100)
    clock.advance(99)
    assert await desk.recover() == ()
    assert await desk.counts() == {"active": 1}


async def test_a_job_whose_lease_ended_is_given_back(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    await desk.claim(lease_ms=100)
    clock.advance(100)
    assert await desk.recover() == (job,)
    record = await desk.record(job)
    assert (record.state, record.stalls, record.attempts_made, record.attempts_started) == ("waiting", 1, 0, 1)
    assert (record.expires_at, record.worker, record.started_at, record.failure) == (None, None, None, None)
    assert (await desk.changes(job))[-1] == Change("waiting", "active", "stalled")


async def test_jobs_are_given_back_to_the_front_of_their_class(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(), new(priority=1), new(priority=1), new(priority=2))
    await desk.claim(limit=1, lease_ms=1)
    await desk.claim(names=("task",), limit=2, lease_ms=1)
    clock.advance(1)
    await desk.add(new())
    await desk.recover()
    assert await desk.ids("waiting") == ["2", "1", "6"]
    assert await desk.ids("prioritized") == ["3", "4", "5"]
    assert (await desk.changes(ref("3")))[-1] == Change("prioritized", "active", "stalled")


async def test_the_longest_overdue_come_first_whatever_their_queue(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(queue="a"), new(queue="b"), new(queue="c"))
    for queue, lease_ms in (("a", 30), ("b", 10), ("c", 20)):
        await desk.claim(queue, lease_ms=lease_ms)
    clock.advance(100)
    assert await desk.recover(limit=2) == (ref("1", "b"), ref("1", "c"))
    assert await desk.recover(limit=2) == (ref("1", "a"),)
    assert await desk.recover(limit=2) == ()


async def test_a_job_may_stall_as_often_as_it_is_allowed(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(max_stalled=2))
    for stall in (1, 2, 3):
        assert (await desk.claim_one(lease_ms=1)).deferred is None
        clock.advance(1)
        await desk.recover()
        assert (await desk.record(ref("1"))).stalls == stall
    lease = await desk.claim_one()
    assert lease.deferred is not None
    assert (lease.deferred.reason, lease.deferred.cause, lease.deferred.at) == (STALLED_REASON, "stalled", clock.now)
    await desk.settle(deferred(lease))
    record = await desk.record(ref("1"))
    assert (record.state, record.failure and record.failure.cause) == ("failed", "stalled")
    assert (record.attempts_made, record.attempts_started) == (1, 4)


async def test_a_job_that_may_not_stall_fails_after_the_first(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(max_stalled=0))
    await desk.claim(lease_ms=1)
    clock.advance(1)
    await desk.recover()
    assert (await desk.record(ref("1"))).failure is not None


async def test_a_worker_that_dies_settling_a_deferred_failure_loses_nothing(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p", max_stalled=0), child("p", queue="r"))
    await desk.fail("r")
    before = (await desk.record(ref("p"))).failure
    await desk.claim(lease_ms=1)
    clock.advance(1)
    await desk.recover()
    assert (await desk.claim_one()).deferred == before


async def test_a_cancel_survives_the_worker_that_never_saw_it(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.claim(lease_ms=1)
    await desk.move("cancel", ref("1"))
    clock.advance(1)
    await desk.recover()
    record = await desk.record(ref("1"))
    assert (record.state, record.is_cancel_requested) == ("waiting", False)
    lease = await desk.claim_one(names=())
    assert lease.deferred is not None
    assert lease.deferred.cause == "cancelled"


async def test_answers_to_old_requests_are_forgotten(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), request_id="old")
    clock.advance(10 * 60_000)
    await desk.recover()
    await desk.add(new(), request_id="old")
    assert await desk.counts() == {"waiting": 1}
    clock.advance(1)
    await desk.recover()
    await desk.add(new(), request_id="old")
    assert await desk.counts() == {"waiting": 2}


async def test_a_paused_queue_gets_its_jobs_back_too(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.claim(lease_ms=1)
    await desk.run(Configure("q", is_paused=True))
    clock.advance(1)
    assert ids(await desk.recover()) == ["1"]
