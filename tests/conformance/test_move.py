"""Move: what people do to jobs by hand."""

import pytest

from headrace.core.commands import Move, Moved
from headrace.core.errors import NoSuchJob, WrongState
from headrace.core.jobs import Failure
from headrace.core.lifecycle import STARTS, child_failed
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, awaits_children, child, done, failed, ids, keep, later, new, parent, pause, ref

ACTIONS = ("retry", "promote", "delay", "prioritise", "cancel", "move")
ALL = ("waiting", "prioritized", "delayed", "active", "waiting-children", "completed", "failed")


async def job_in(desk: Desk, state: str) -> None:
    """A job `q/j` in this state; its child, if it must have one, is in `r`."""
    fields = {"prioritized": {"priority": 1}, "delayed": {"delay_ms": 1_000}}.get(state, {})
    if state == "waiting-children":
        await desk.add(parent("j"), child("j", queue="r"))
        return
    await desk.add(new(id="j", **fields))
    if state in {"active", "completed", "failed"}:
        lease = await desk.claim_one()
        if state != "active":
            await desk.settle(done(lease) if state == "completed" else failed(lease))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", ALL)
async def test_an_action_starts_from_its_states_only(desk: Desk, action: str, state: str) -> None:
    await job_in(desk, state)
    moved = await desk.moved(action, ref("j"), to="s" if action == "move" else "")
    if state in STARTS[action]:  # type: ignore[index]
        assert moved.refusals == (None,)
    else:
        assert moved.refusals == (WrongState(queue="q", id="j", state=state),)
        assert await desk.state(ref("j")) == state


@pytest.mark.parametrize("action", ACTIONS)
async def test_jobs_that_do_not_exist_are_refused_alone(desk: Desk, action: str) -> None:
    await job_in(desk, "failed" if action == "retry" else "delayed")
    moved = await desk.run(Move((ref("nobody"), ref("j"), ref("1", "nowhere")), action))  # type: ignore[arg-type]
    expected = (NoSuchJob(queue="q", id="nobody"), None, NoSuchJob(queue="nowhere", id="1"))
    assert moved.refusals == expected


async def test_moving_nothing_is_allowed(desk: Desk) -> None:
    assert await desk.moved("retry") == Moved(())


async def test_a_retried_job_starts_anew_at_the_back(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new("a", attempts=2, backoff=pause(5)), new("b"))
    await desk.claim(limit=1, lease_ms=1)
    clock.advance(1)
    await desk.recover()
    for _ in range(2):
        await desk.settle(failed(await desk.claim_one(names=("a",))))
        clock.advance(5)
    await desk.move("retry", ref("1"))
    record = await desk.record(ref("1"))
    assert (record.state, record.attempts_made, record.stalls, record.attempts_started) == ("waiting", 0, 0, 3)
    assert (record.failure, record.finished_at, record.started_at, len(record.failures)) == (None, None, None, 2)
    assert await desk.ids("waiting") == ["2", "1"]
    assert (await desk.changes(ref("1")))[-1] == Change("waiting", "failed")


async def test_a_completed_job_can_be_retried_and_its_result_goes(desk: Desk) -> None:
    await desk.add(new(priority=2, lifo=True), new(priority=2))
    await desk.finish(result="1")
    await desk.move("retry", ref("1"))
    assert (await desk.record(ref("1"))).result is None
    assert await desk.ids("prioritized") == ["2", "1"]


async def test_a_parent_that_waits_for_children_waits_for_a_retried_one_again(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.finish("r", result="1")
    await desk.move("retry", ref("1", "r"))
    nodes = await desk.tree(ref("p"))
    assert [(node.is_pending, node.value) for node in nodes[1:]] == [(True, None), (True, None)]
    await desk.finish("r")
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("r", result="2")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_parent_that_went_on_is_not_pulled_back(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.finish("r", result="1")
    await desk.move("retry", ref("1", "r"))
    assert await desk.state(ref("p")) == "waiting"
    await desk.finish("r", result="2")
    assert (await desk.tree(ref("p")))[1].value == "1"
    assert len(await desk.changes(ref("p"))) == 2


async def test_a_child_retried_in_vain_after_its_parent_failed_changes_nothing(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.fail("r")
    await desk.fail()
    await desk.move("retry", ref("1", "r"))
    await desk.fail("r")
    assert await desk.state(ref("p")) == "failed"


async def test_a_promoted_job_goes_to_the_back_of_its_class_now(desk: Desk) -> None:
    await desk.add(new(delay_ms=900), new(), new(delay_ms=900, priority=1), new(priority=1))
    await desk.move("promote", ref("1"), ref("3"))
    assert await desk.ids("waiting") == ["2", "1"]
    assert await desk.ids("prioritized") == ["4", "3"]
    assert (await desk.changes(ref("1")))[-1] == Change("waiting", "delayed")
    assert (await desk.record(ref("1"))).due_at is None


async def test_a_delayed_job_gets_its_new_time_from_now(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=900), new(), new(priority=4))
    clock.advance(100)
    await desk.move("delay", ref("1"), ref("2"), ref("3"), delay_ms=50)
    assert await desk.ids("delayed") == ["1", "2", "3"]
    assert {(await desk.record(ref(name))).due_at for name in "123"} == {clock.now + 50}
    assert [change for _, change in await desk.events()][3:] == [
        Change("delayed", "delayed"),
        Change("delayed", "waiting"),
        Change("delayed", "prioritized"),
    ]
    clock.advance(50)
    assert ids(await desk.claim()) == ["1", "2", "3"]


async def test_a_delay_of_nothing_is_due_at_once(desk: Desk) -> None:
    await desk.add(new(), new())
    await desk.move("delay", ref("1"))
    assert await desk.ids("delayed") == ["1"]
    assert ids(await desk.claim()) == ["2", "1"]


async def test_a_new_priority_is_a_new_place_behind_its_equals(desk: Desk) -> None:
    await desk.add(new(), new(priority=3), new(priority=5))
    await desk.move("prioritise", ref("1"), ref("3"), priority=3)
    assert await desk.ids("prioritized") == ["2", "1", "3"]
    assert (await desk.record(ref("3"))).priority == 3
    await desk.move("prioritise", ref("2"), priority=3)
    assert await desk.ids("prioritized") == ["1", "3", "2"]


async def test_a_job_can_lose_its_priority(desk: Desk) -> None:
    await desk.add(new(), new(priority=3), new())
    await desk.move("prioritise", ref("2"), priority=0)
    assert await desk.ids("waiting") == ["1", "3", "2"]
    await desk.move("prioritise", ref("1"), priority=0)
    assert await desk.ids("waiting") == ["3", "2", "1"]


async def test_only_a_priority_that_changes_the_state_is_an_event(desk: Desk) -> None:
    await desk.add(new(), new(priority=3), new(delay_ms=5))
    await desk.move("prioritise", ref("1"), ref("2"), ref("3"), priority=3)
    assert (await desk.events())[3:] == [("1", Change("prioritized", "waiting"))]


async def test_a_job_that_is_not_ready_keeps_its_place_and_takes_its_priority_along(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(delay_ms=5), parent("p"), child("p", queue="r"))
    await desk.move("prioritise", ref("1"), ref("p"), priority=3)
    assert await desk.states(ref("1"), ref("p")) == ["delayed", "waiting-children"]
    clock.advance(5)
    await desk.finish("r")
    leases = await desk.claim()
    assert [(lease.id, lease.priority) for lease in leases] == [("p", 3), ("1", 3)]


@pytest.mark.parametrize("state", ["waiting", "prioritized", "delayed", "waiting-children"])
async def test_a_cancelled_job_has_failed(desk: Desk, clock: FrozenClock, state: str) -> None:
    await job_in(desk, state)
    clock.advance(3)
    moved = await desk.moved("cancel", ref("j"), failure=Failure("no longer needed", "cancelled"))
    assert moved == Moved((None,))
    record = await desk.record(ref("j"))
    assert (record.state, record.finished_at, record.attempts_made) == ("failed", clock.now, 0)
    assert record.failure == Failure("no longer needed", "cancelled", at=clock.now)
    assert (record.failures, record.due_at, record.started_at) == ((), None, None)
    assert (await desk.changes(ref("j")))[-1] == Change("failed", state, "cancelled")  # type: ignore[arg-type]


async def test_a_cancel_has_a_reason_of_its_own_if_none_is_given(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.move("cancel", ref("1"))
    assert (await desk.record(ref("1"))).failure == Failure("cancelled", "cancelled", at=clock.now)


async def test_the_worker_of_an_active_job_is_asked_to_cancel(desk: Desk) -> None:
    await desk.add(new(), new(), new())
    lease, _ = await desk.claim(limit=2)
    moved = await desk.moved("cancel", ref("3"), ref("nobody"), ref("1"))
    assert moved == Moved((None, NoSuchJob(queue="q", id="nobody"), None), requested=(2,))
    record = await desk.record(ref("1"))
    assert (record.state, record.is_cancel_requested) == ("active", True)
    assert not (await desk.record(ref("2"))).is_cancel_requested
    await desk.settle(done(lease))
    record = await desk.record(ref("1"))
    assert (record.state, record.is_cancel_requested, record.failure) == ("completed", False, None)


async def test_a_job_asked_to_cancel_that_does_not_finish_fails_at_its_next_claim(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.move("cancel", ref("1"), failure=Failure("enough", "cancelled"))
    await desk.settle(later(lease, 5))
    assert not (await desk.record(ref("1"))).is_cancel_requested
    clock.advance(5)
    lease = await desk.claim_one()
    assert lease.deferred is not None
    assert (lease.deferred.reason, lease.deferred.cause) == ("enough", "cancelled")


async def test_a_request_to_cancel_is_no_event(desk: Desk) -> None:
    await desk.add(new())
    await desk.claim()
    last = await desk.last_event("jobs/q")
    await desk.move("cancel", ref("1"))
    assert await desk.last_event("jobs/q") == last


async def test_a_cancelled_child_fails_its_parent(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.move("cancel", ref("1", "r"))
    record = await desk.record(ref("p"))
    assert (record.state, record.failure and record.failure.reason) == ("waiting", child_failed("r", "1").reason)


async def test_a_cancelled_parent_is_not_waited_for_by_its_children(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.move("cancel", ref("p"))
    await desk.finish("r")
    assert await desk.state(ref("p")) == "failed"


async def test_a_cancelled_job_with_a_deferred_failure_was_cancelled(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.fail("r")
    await desk.move("cancel", ref("p"))
    failure = (await desk.record(ref("p"))).failure
    assert (failure and failure.cause) == "cancelled"
    await desk.move("retry", ref("p"))
    await desk.remove(ref("1", "r"))
    assert (await desk.claim_one()).deferred is None


async def test_a_cancelled_job_obeys_its_retention(desk: Desk) -> None:
    await desk.add(new(keep_failed=keep(0)), new(keep_failed=keep(1)), new(keep_failed=keep(1)))
    await desk.move("cancel", ref("1"))
    assert await desk.counts() == {"waiting": 2}
    await desk.move("cancel", ref("2"), ref("3"))
    assert await desk.ids("failed") == ["3"]


async def test_a_job_named_twice_is_moved_twice(desk: Desk) -> None:
    await desk.add(new(delay_ms=5))
    moved = await desk.moved("promote", ref("1"), ref("1"))
    assert moved.refusals == (None, WrongState(queue="q", id="1", state="waiting"))


async def test_a_retried_parent_can_wait_for_new_children(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.finish("r")
    await desk.finish()
    await desk.move("retry", ref("p"))
    lease = await desk.claim_one()
    await desk.add(child("p", queue="r"))
    await desk.settle(awaits_children(lease))
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.children) == ("waiting-children", 1, 2)
