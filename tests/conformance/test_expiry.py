"""Deadlines: a job that nobody has started in time fails, by Recover, or by whoever claims it first."""

from typing import Any

import pytest

from headrace.core.commands import Claim, Configure, Recover, Recovered, Source, Tally
from headrace.core.jobs import Failure, JobRef
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, awaits_children, child, deferred, failed, ids, keep, later, new, parent, put_back, ref

LATE = Failure("not started within 0.1 s", "expired")


async def recovered(desk: Desk, **fields: Any) -> Recovered:
    reply: Recovered = await desk.run(Recover(**fields))
    return reply


async def test_a_job_that_nobody_started_fails_at_its_deadline_and_not_before(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(expires_ms=100))
    clock.advance(99)
    assert await recovered(desk) == Recovered()
    clock.advance(1)
    assert await recovered(desk) == Recovered(expired=(job,))
    record = await desk.record(job)
    assert (record.state, record.finished_at, record.started_at) == ("failed", clock.now, None)
    assert record.failure is not None
    assert (record.failure.reason, record.failure.cause, record.failure.at) == (LATE.reason, "expired", clock.now)
    assert (record.attempts_made, record.attempts_started, record.failures) == (1, 1, ())
    assert await desk.changes(job) == [Change("waiting"), Change("failed", "waiting", "expired")]
    assert await recovered(desk) == Recovered()


@pytest.mark.parametrize(
    ("fields", "state"),
    [({"priority": 3}, "prioritized"), ({"delay_ms": 5_000}, "delayed"), ({"lifo": True}, "waiting")],
)
async def test_it_does_not_matter_for_what_it_waits(
    desk: Desk, clock: FrozenClock, fields: dict[str, Any], state: Any
) -> None:
    (job,) = await desk.add(new(expires_ms=100, **fields))
    clock.advance(100)
    assert (await recovered(desk)).expired == (job,)
    assert (await desk.changes(job))[-1] == Change("failed", state, "expired")


async def test_a_paused_queue_and_one_that_nobody_serves_are_no_shelter(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(expires_ms=100))
    await desk.run(Configure("q", is_paused=True))
    clock.advance(100)
    assert ids((await recovered(desk)).expired) == ["1"]


async def test_who_claims_a_job_that_is_late_is_told_not_to_run_it(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(expires_ms=100))
    clock.advance(100)
    lease = await desk.claim_one()
    assert lease.deferred is not None
    assert (lease.deferred.reason, lease.deferred.cause, lease.deferred.at) == (LATE.reason, "expired", clock.now)
    assert (await desk.record(job)).failure == lease.deferred
    assert (await recovered(desk)).expired == ()
    await desk.settle(deferred(lease))
    record = await desk.record(job)
    assert (record.state, record.failure) == ("failed", lease.deferred)
    assert (record.attempts_made, record.attempts_started, record.failures) == (1, 1, ())


async def test_a_worker_that_dies_with_a_late_job_does_not_bring_it_back_to_life(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(expires_ms=100))
    clock.advance(100)
    before = (await desk.claim_one(lease_ms=1)).deferred
    clock.advance(1)
    assert ids(await desk.recover()) == ["1"]
    assert (await desk.claim_one(names=())).deferred == before


async def test_one_that_is_promoted_late_is_not_run(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=100, expires_ms=150))
    clock.advance(200)
    lease = await desk.claim_one()
    assert lease.deferred is not None


@pytest.mark.parametrize("end", ["failed", "later", "put back", "stalled", "waits"])
async def test_a_job_that_was_started_has_no_deadline_any_more(desk: Desk, clock: FrozenClock, end: str) -> None:
    await desk.add(new(expires_ms=100, attempts=2), new(queue="r"))
    lease = await desk.claim_one(lease_ms=1)
    ends = {"failed": failed(lease), "later": later(lease, 50), "put back": put_back(lease)}
    if end == "waits":
        await desk.settle(awaits_children(lease))
    elif end in ends:
        await desk.settle(ends[end])
    clock.advance(5_000)
    reply = await recovered(desk)
    assert (reply.expired, len(reply.jobs)) == ((), end == "stalled")
    assert (await desk.claim_one()).deferred is None


@pytest.mark.parametrize("end", ["expired", "cancelled", "cancelled, and its deadline over", "with its children"])
async def test_one_that_is_retried_by_hand_has_none_either(desk: Desk, clock: FrozenClock, end: str) -> None:
    (job,) = await desk.add(new(expires_ms=100))
    if end != "expired":
        await desk.move("cancel", job)
    if end != "cancelled":
        clock.advance(100)
    await recovered(desk)
    await desk.move("retry", job, with_children=end == "with its children")
    assert (await desk.record(job)).attempts_started == 1
    clock.advance(100)
    assert (await recovered(desk)).expired == ()
    assert (await desk.claim_one()).deferred is None


@pytest.mark.parametrize("end", ["completed", "cancelled", "removed", "to fail anyhow"])
async def test_what_became_of_the_job_meanwhile_stays_as_it_is(desk: Desk, clock: FrozenClock, end: str) -> None:
    (job, *_) = await desk.add(parent("p", expires_ms=100), child("p", queue="r"))
    match end:
        case "completed":
            await desk.finish("r")
            await desk.finish()
        case "cancelled":
            await desk.move("cancel", job)
        case "removed":
            await desk.remove(job)
            await desk.add(new(id="p"))  # another of the same name
        case _:
            await desk.fail("r")
    before = await desk.record(job)
    clock.advance(100)
    assert await recovered(desk) == Recovered()
    assert await desk.record(job) == before


async def test_a_parent_that_waits_for_its_children_expires_too_and_they_go_on(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p", expires_ms=100), child("p", queue="r"))
    clock.advance(100)
    assert ids((await recovered(desk)).expired) == ["p"]
    await desk.finish("r")
    record = await desk.record(ref("p"))
    assert (record.state, record.failure and record.failure.cause) == ("failed", "expired")


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("fail_parent", "waiting"),
        ("continue_parent", "waiting"),
        ("ignore", "waiting-children"),
        ("drop", "waiting-children"),
        ("wait", "waiting-children"),
    ],
)
async def test_a_child_that_expires_acts_on_its_parent_by_its_policy(
    desk: Desk, clock: FrozenClock, policy: Any, state: str
) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy=policy, expires_ms=100), child("p", queue="r"))
    clock.advance(100)
    await recovered(desk)
    record = await desk.record(ref("p"))
    assert (record.state, record.failure is not None) == (state, policy == "fail_parent")
    assert record.children_pending == (2 if policy == "wait" else 1)
    reasons = [node.ignored for node in await desk.tree(ref("p")) if node.ignored]
    assert reasons == ([LATE.reason] if policy in ("continue_parent", "ignore") else [])


async def test_parent_and_child_expire_together(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p", expires_ms=100), child("p", expires_ms=100))
    clock.advance(100)
    assert len((await recovered(desk)).expired) == 2
    assert await desk.counts() == {"failed": 2}


async def test_so_many_deadlines_are_looked_at_the_first_ones_first(desk: Desk, clock: FrozenClock) -> None:
    for expires_ms in (300, 100, 200):
        await desk.add(new(expires_ms=expires_ms, queue=f"q{expires_ms}"))
    clock.advance(300)
    assert await recovered(desk, limit=2) == Recovered(expired=(ref("1", "q100"), ref("1", "q200")), is_more=True)
    assert await recovered(desk, limit=2) == Recovered(expired=(ref("1", "q300"),))


async def test_its_own_retention_is_heeded(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new(expires_ms=100, keep_failed=keep(count)) for count in (0, 2, 2, 2)))
    clock.advance(100)
    assert len((await recovered(desk)).expired) == 4
    assert await desk.ids("failed") == ["4", "3"]


async def test_it_is_counted_as_what_failed_with_its_wait_and_no_run(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new("a", expires_ms=100), new("a", delay_ms=9_000, expires_ms=100))
    clock.advance(100)
    await recovered(desk)
    (tally,) = (await desk.run(Tally("q"))).tallies
    assert (tally.name, tally.completed, tally.failed) == ("a", 0, 2)
    assert (tally.waits[0], tally.waits[7], tally.runs[0]) == (1, 1, 2)


async def test_the_deadline_goes_along_to_another_queue(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(expires_ms=100))
    clock.advance(50)
    moved = await desk.moved("move", job, to="r")
    clock.advance(50)
    assert await recovered(desk) == Recovered(expired=moved.jobs)
    assert moved.jobs == (JobRef("r", "1"),)


async def test_a_deadline_that_is_void_is_looked_at_in_each_queue_that_the_job_was_in(
    desk: Desk, clock: FrozenClock
) -> None:
    (job,) = await desk.add(new(expires_ms=100))
    await desk.fail()
    await desk.moved("retry", job)
    await desk.moved("move", job, to="r")
    clock.advance(100)
    for _ in range(2):
        assert await recovered(desk, limit=1) == Recovered(is_more=True)
    assert await recovered(desk, limit=1) == Recovered()
    assert await desk.counts("r") == {"waiting": 1}


async def test_jobs_without_a_deadline_do_not_notice(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(expires_ms=100), new())
    clock.advance(100)
    leases = (await desk.run(Claim((Source("q"),), 9, "t", 30_000))).leases
    assert [lease.deferred is None for lease in leases] == [True, False, True]


async def test_a_parent_whose_worker_was_lost_was_started(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p", expires_ms=100), child("p", queue="r"))
    await desk.finish("r")
    await desk.claim_one(lease_ms=1)
    clock.advance(100)
    assert await recovered(desk) == Recovered(jobs=(ref("p"),))
