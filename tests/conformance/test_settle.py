"""Settle: record outcomes, each guarded by its lease token."""

from headrace.core.commands import Queues, Settlement
from headrace.core.errors import LeaseLost
from headrace.core.jobs import Failure
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import (
    Desk,
    awaits_children,
    child,
    done,
    failed,
    ids,
    keep,
    later,
    new,
    parent,
    pause,
    put_back,
    ref,
)


async def test_a_completed_job_keeps_its_result(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one(worker="w")
    started_at = clock.now
    clock.advance(7)
    assert await desk.settle(done(lease, '{"ok": true}')) == (None,)
    record = await desk.record(job)
    assert (record.state, record.result, record.failure) == ("completed", '{"ok": true}', None)
    assert (record.started_at, record.finished_at, record.attempts_made) == (started_at, clock.now, 1)
    assert (record.worker, record.expires_at) == (None, None)


async def test_a_failed_job_keeps_its_failure(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one()
    failure = Failure("boom", "timeout", "TimeoutError", "trace", 1)
    clock.advance(7)
    await desk.settle(Settlement("q", "1", lease.token, "failed", is_counted=True, failure=failure))
    stamped = Failure("boom", "timeout", "TimeoutError", "trace", 1, clock.now)
    record = await desk.record(job)
    assert (record.state, record.failure, record.failures) == ("failed", stamped, (stamped,))
    assert (record.finished_at, record.attempts_made) == (clock.now, 1)


async def test_outcomes_are_events(desk: Desk) -> None:
    await desk.add(new(), new(), new(attempts=2), new(attempts=2, backoff=pause(5)))
    a, b, c, d = await desk.claim()
    last = await desk.last_event("jobs/q")
    await desk.settle(done(a), failed(b), failed(c), failed(d))
    assert await desk.events(after=last) == [
        ("1", Change("completed", "active")),
        ("2", Change("failed", "active", "error")),
        ("3", Change("waiting", "active")),
        ("4", Change("delayed", "active")),
    ]


async def test_settling_nothing_is_allowed(desk: Desk) -> None:
    assert await desk.settle() == ()


async def test_a_wrong_token_is_refused(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.claim_one(token="right")
    for token in ("wrong", "", "righ", "right ", "RIGHT"):
        refusals = await desk.settle(Settlement("q", "1", token, "completed"))
        assert refusals == (LeaseLost(queue="q", id="1"),)
    assert await desk.state(job) == "active"


async def test_a_job_that_is_not_leased_cannot_be_settled(desk: Desk) -> None:
    await desk.add(new(), new(delay_ms=5))
    jobs = [ref("1"), ref("2"), ref("9"), ref("1", "r")]
    refusals = await desk.settle(*(Settlement(job.queue, job.id, "t", "completed") for job in jobs))
    assert refusals == tuple(LeaseLost(queue=job.queue, id=job.id) for job in jobs)


async def test_a_second_settlement_is_refused(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    assert await desk.settle(done(lease, "1"), done(lease, "2")) == (None, LeaseLost(queue="q", id="1"))
    assert await desk.settle(failed(lease)) == (LeaseLost(queue="q", id="1"),)
    assert (await desk.record(ref("1"))).result == "1"


async def test_each_settlement_stands_or_falls_alone(desk: Desk) -> None:
    await desk.add(new(), new(), new())
    a, b, c = await desk.claim()
    await desk.settle(done(b))
    assert await desk.settle(done(a), done(b), done(c)) == (None, LeaseLost(queue="q", id="2"), None)
    assert await desk.counts() == {"completed": 3}


async def test_a_lease_that_ended_but_was_not_recovered_can_be_settled(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    lease = await desk.claim_one(lease_ms=10)
    clock.advance(1_000)
    assert await desk.settle(done(lease)) == (None,)


async def test_a_recovered_lease_is_lost_even_when_the_job_runs_again(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    lost = await desk.claim_one(token="a", lease_ms=10)
    clock.advance(10)
    await desk.recover()
    assert await desk.settle(done(lost)) == (LeaseLost(queue="q", id="1"),)
    held = await desk.claim_one(token="b")
    assert await desk.settle(done(lost), done(held)) == (LeaseLost(queue="q", id="1"), None)


async def test_a_retried_job_goes_to_the_back(desk: Desk) -> None:
    await desk.add(new(attempts=2), new())
    await desk.settle(failed(await desk.claim_one()))
    assert await desk.ids("waiting") == ["2", "1"]
    record = await desk.record(ref("1"))
    assert (record.attempts_made, record.failure, ids([record])) == (1, None, ["1"])


async def test_a_retried_lifo_job_goes_to_the_front(desk: Desk) -> None:
    await desk.add(new(attempts=2), new(attempts=2, lifo=True), new(), new())
    await desk.settle(failed(await desk.claim_one()))
    assert await desk.ids("waiting") == ["2", "1", "3", "4"]


async def test_a_job_put_back_goes_to_the_front_and_uses_up_no_attempt(desk: Desk) -> None:
    await desk.add(new(), new(), new(priority=1), new(priority=1))
    leases = await desk.claim()
    await desk.settle(put_back(leases[1]), put_back(leases[3]))
    await desk.settle(put_back(leases[0]), put_back(leases[2]))
    assert await desk.ids("waiting") == ["1", "2"]
    assert await desk.ids("prioritized") == ["3", "4"]
    assert (await desk.record(ref("1"))).attempts_made == 0


async def test_a_rest_holds_the_whole_queue_for_the_longest_time_asked(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new())
    a, b = await desk.claim()
    await desk.settle(put_back(a, rest_ms=500), put_back(b, rest_ms=100))
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until == clock.now + 500
    clock.advance(500)
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until is None


async def test_a_lost_lease_makes_no_queue_rest(desk: Desk) -> None:
    await desk.add(new())
    await desk.claim_one()
    await desk.settle(Settlement("q", "1", "wrong", "waiting", rest_ms=500))
    (record,) = (await desk.run(Queues())).queues
    assert record.resting_until is None


async def test_a_postponed_job_comes_back_without_using_up_an_attempt(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    clock.advance(3)
    await desk.settle(later(await desk.claim_one(), 50))
    record = await desk.record(job)
    assert (record.state, record.due_at, record.attempts_made) == ("delayed", clock.now + 50, 0)
    clock.advance(50)
    assert ids(await desk.claim()) == ["1"]


async def test_each_failed_attempt_enters_the_history(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(attempts=3, backoff=pause(10)))
    for attempt in (1, 2, 3):
        await desk.settle(failed(await desk.claim_one(), f"number {attempt}"))
        clock.advance(10)
    record = await desk.record(job)
    assert record.state == "failed"
    assert [failure.reason for failure in record.failures] == ["number 1", "number 2", "number 3"]
    assert [failure.at for failure in record.failures] == [clock.now - 30, clock.now - 20, clock.now - 10]
    assert record.failure == record.failures[-1]


async def test_a_job_that_completes_at_last_keeps_its_history(desk: Desk) -> None:
    (job,) = await desk.add(new(attempts=2))
    await desk.settle(failed(await desk.claim_one()))
    await desk.finish()
    record = await desk.record(job)
    assert (record.state, record.failure, len(record.failures)) == ("completed", None, 1)


async def test_the_history_has_a_limit_and_forgets_the_oldest(desk: Desk) -> None:
    (job,) = await desk.add(new(attempts=100))
    for attempt in range(25):
        await desk.settle(failed(await desk.claim_one(), str(attempt)))
    failures = (await desk.record(job)).failures
    assert [failure.reason for failure in failures] == [str(attempt) for attempt in range(5, 25)]


async def test_waiting_for_children_with_none_pending_goes_on_at_once(desk: Desk) -> None:
    await desk.add(new(), new(), new(delay_ms=1))
    await desk.settle(awaits_children(await desk.claim_one()))
    assert await desk.ids("waiting") == ["1", "2"]
    assert (await desk.changes(ref("1")))[2:] == [
        Change("waiting-children", "active"),
        Change("waiting", "waiting-children"),
    ]
    assert (await desk.record(ref("1"))).attempts_made == 0


async def test_a_job_waits_for_children_it_added_while_it_ran(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.settle(awaits_children(lease))
    assert await desk.state(ref("1")) == "waiting-children"
    await desk.finish("r")
    assert (await desk.claim_one()).attempts_started == 2


async def test_a_job_whose_children_are_done_before_it_waits_goes_on_at_once(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.finish("r", result='"value"')
    await desk.settle(awaits_children(lease))
    assert await desk.state(ref("1")) == "waiting"
    assert (await desk.tree(ref("1")))[1].value == '"value"'


async def test_a_running_parent_may_finish_before_its_children(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"), child("1", queue="r"))
    await desk.settle(done(lease))
    await desk.finish("r")
    await desk.fail("r")
    assert await desk.state(ref("1")) == "completed"


async def test_a_job_that_is_to_be_kept_for_nothing_is_gone_when_it_finishes(desk: Desk) -> None:
    await desk.add(new(keep_completed=keep(0)), new(keep_failed=keep(0)), new())
    a, b, c = await desk.claim()
    await desk.settle(done(a), failed(b), done(c))
    assert await desk.counts() == {"completed": 1}
    assert [change.state for _, change in await desk.events()][-3:] == ["completed", "failed", "completed"]


async def test_retention_keeps_the_newest_of_the_state(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(3)), new(keep_completed=keep(2)))
    a, b, c, d = await desk.claim()
    for lease in (c, a, b):
        await desk.settle(failed(lease) if lease is b else done(lease))
        clock.advance(1)
    await desk.settle(done(d))
    assert await desk.ids("completed") == ["4", "1"]
    assert await desk.ids("failed") == ["2"]


async def test_retention_removes_what_is_too_old(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(), new(), new(keep_completed=keep(age_ms=100)), new(queue="r"))
    leases = await desk.claim("q", "r")
    for lease in leases:
        await desk.settle(done(lease))
        clock.advance(50)
    assert await desk.ids("completed") == ["4", "3"]
    assert await desk.ids("completed", "r") == ["1"]


async def test_retention_leaves_no_event(desk: Desk) -> None:
    await desk.add(new(), new(keep_completed=keep(1)))
    await desk.finish()
    await desk.finish()
    assert await desk.ids("completed") == ["2"]
    assert "removed" not in [change.state for _, change in await desk.events()]


async def test_retention_takes_a_page_at_a_time(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(1_005)), new(keep_completed=keep(1)))
    leases = await desk.claim(limit=1_000)
    await desk.settle(*map(done, leases))
    clock.advance(1)
    await desk.settle(*map(done, await desk.claim()))
    assert await desk.counts() == {"completed": 6}


async def test_a_retention_without_bounds_keeps_everything(desk: Desk) -> None:
    await desk.add(new(), new(keep_completed=keep()))
    await desk.finish()
    await desk.finish()
    assert await desk.counts() == {"completed": 2}


async def test_the_result_of_a_removed_child_stays_with_its_parent(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", keep_completed=keep(0)))
    await desk.finish("r", result='"kept"')
    assert not await desk.exists(ref("1", "r"))
    assert await desk.state(ref("p")) == "waiting"
    (_, node) = await desk.tree(ref("p"))
    assert (node.record, node.value, node.is_pending) == (None, '"kept"', False)


async def test_a_failure_that_is_not_told_is_recorded_as_one(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p"), child("p", policy="ignore"))
    lease = await desk.claim_one()
    await desk.settle(Settlement("q", lease.id, lease.token, "failed"))
    record = await desk.record(ref(lease.id))
    assert (record.failure, record.failures) == (Failure("failed", at=clock.now), ())
    assert (await desk.changes(ref(lease.id)))[-1] == Change("failed", "active", "error")
    assert (await desk.tree(ref("p")))[1].ignored == "failed"
