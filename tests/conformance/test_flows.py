"""Flows: what settlements of children do to their parents."""

import pytest

from headrace.core.lifecycle import child_failed
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import (
    Desk,
    awaits_children,
    child,
    deferred,
    done,
    failed,
    ids,
    keep,
    later,
    new,
    parent,
    put_back,
    ref,
)


async def three_levels(desk: Desk) -> None:
    """Root in `a`, mid in `b`, two leaves in `c`."""
    await desk.add(
        parent("root", queue="a"),
        child("root", of_queue="a", queue="b", id="mid", has_children=True),
        child("mid", of_queue="b", queue="c"),
        child("mid", of_queue="b", queue="c"),
    )


async def test_a_flow_of_three_levels_runs_from_the_leaves_to_the_root(desk: Desk) -> None:
    await three_levels(desk)
    assert await desk.claim("a", "b") == ()
    await desk.finish("c", result="1")
    assert await desk.claim("a", "b") == ()
    await desk.finish("c", result="2")
    assert await desk.claim("a") == ()
    await desk.finish("b", result="3")
    await desk.finish("a", result="4")
    nodes = await desk.tree(ref("root", "a"))
    assert [(node.job.id, node.value) for node in nodes] == [("root", None), ("mid", "3"), ("1", "1"), ("2", "2")]


async def test_a_parent_is_released_once_when_all_its_children_are_done_in_one_command(desk: Desk) -> None:
    await three_levels(desk)
    await desk.settle(*map(done, await desk.claim("c")))
    assert await desk.changes(ref("mid", "b")) == [
        Change("waiting-children"),
        Change("waiting", "waiting-children"),
    ]


async def test_a_released_parent_goes_to_the_front(desk: Desk) -> None:
    await desk.add(new(), parent("p"), child("p", queue="r"), parent("s"), child("s", queue="r"))
    await desk.finish("r")
    await desk.finish("r")
    assert await desk.ids("waiting") == ["s", "p", "1"]


async def test_parents_released_by_one_command_line_up_in_the_order_of_its_settlements(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), parent("s"), child("s", queue="r"))
    first, second = await desk.claim("r")
    await desk.settle(done(second), done(first))
    assert await desk.ids("waiting") == ["p", "s"]


async def test_a_released_parent_with_a_priority_stands_behind_its_equals(desk: Desk) -> None:
    await desk.add(new(priority=2), parent("p", priority=2), child("p", queue="r"), new(priority=3), new(priority=2))
    await desk.finish("r")
    assert await desk.ids("prioritized") == ["1", "4", "p", "3"]


async def test_the_delay_of_a_parent_begins_when_its_children_are_done(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(parent("p", delay_ms=100), child("p", queue="r"))
    clock.advance(500)
    await desk.finish("r")
    assert (await desk.record(ref("p"))).due_at == clock.now + 100
    assert (await desk.changes(ref("p")))[-1] == Change("delayed", "waiting-children")


async def test_a_parent_that_has_run_is_not_delayed_again(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=100))
    clock.advance(100)
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.settle(awaits_children(lease))
    await desk.finish("r")
    assert await desk.state(ref("1")) == "waiting"


async def test_a_child_that_is_retried_has_not_failed_yet(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", attempts=2))
    await desk.settle(failed(await desk.claim_one("r")))
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("r")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_failed_child_fails_its_parent_by_a_deferred_failure(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), parent("p"), child("p", queue="r"), child("p", queue="r"))
    clock.advance(9)
    await desk.fail("r")
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending) == ("waiting", 1)
    assert record.failure is not None
    assert (record.failure.reason, record.failure.cause) == (child_failed("r", "1").reason, "child-failed")
    assert record.failure.at == clock.now
    assert await desk.ids("waiting") == ["p", "1"]
    clock.advance(9)
    lease = await desk.claim_one(names=())
    assert lease.deferred == record.failure
    await desk.settle(deferred(lease))
    record = await desk.record(ref("p"))
    assert (record.state, record.failures) == ("failed", ())
    assert record.failure is not None
    assert record.failure.at == clock.now
    assert (await desk.changes(ref("p")))[-1] == Change("failed", "active", "child-failed")


async def test_the_failure_of_a_leaf_goes_up_to_the_root(desk: Desk) -> None:
    await three_levels(desk)
    await desk.fail("c", reason="leaf")
    await desk.fail("b")
    await desk.fail("a")
    root = await desk.record(ref("root", "a"))
    assert (root.state, root.failure and root.failure.reason) == ("failed", child_failed("b", "mid").reason)
    await desk.finish("c")
    assert await desk.state(ref("root", "a")) == "failed"


async def test_a_failed_child_does_not_wait_for_the_delay_of_its_parent(desk: Desk) -> None:
    await desk.add(parent("p", delay_ms=1_000), child("p", queue="r"), child("p", queue="r"))
    await desk.fail("r")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_failed_child_calls_back_a_delayed_parent(desk: Desk) -> None:
    await desk.add(new(), new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.settle(later(lease, 1_000))
    await desk.fail("r")
    assert await desk.ids("waiting") == ["1", "2"]
    assert (await desk.changes(ref("1")))[-1] == Change("waiting", "delayed")
    assert (await desk.record(ref("1"))).due_at is None


@pytest.mark.parametrize("outcome", [put_back, awaits_children, lambda lease: later(lease, 5)])
async def test_a_parent_whose_child_failed_while_it_ran_fails_at_its_next_claim(
    desk: Desk, clock: FrozenClock, outcome: object
) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"), child("1", queue="r"))
    await desk.fail("r")
    assert (await desk.record(ref("1"))).state == "active"
    await desk.settle(outcome(lease))  # type: ignore[operator]
    clock.advance(5)
    lease = await desk.claim_one()
    assert lease.deferred is not None
    assert lease.deferred.reason == child_failed("r", "1").reason


async def test_a_parent_whose_child_failed_while_it_ran_may_still_complete(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.fail("r")
    await desk.settle(done(lease, "7"))
    record = await desk.record(ref("1"))
    assert (record.state, record.failure, record.result) == ("completed", None, "7")


async def test_a_deferred_failure_survives_a_worker_that_puts_the_job_back(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.fail("r")
    await desk.settle(put_back(await desk.claim_one()))
    assert (await desk.claim_one()).deferred is not None


async def test_the_first_failure_of_several_children_stands(desk: Desk) -> None:
    await desk.add(parent("p"), *(child("p", queue="r") for _ in range(3)))
    _, second, third = await desk.claim("r")
    await desk.settle(failed(third), failed(second))
    record = await desk.record(ref("p"))
    assert record.failure is not None
    assert record.failure.reason == child_failed("r", third.id).reason


async def test_a_later_failure_does_not_replace_an_earlier_one(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.fail("r")
    await desk.fail("r")
    record = await desk.record(ref("p"))
    assert (record.failure and record.failure.reason) == child_failed("r", "1").reason
    assert len(await desk.changes(ref("p"))) == 2


async def test_a_failed_child_with_the_policy_wait_leaves_its_parent_waiting(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="wait"))
    await desk.fail("r")
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.failure) == ("waiting-children", 1, None)
    (_, node) = await desk.tree(ref("p"))
    assert node.is_pending


async def test_retrying_a_failed_child_frees_a_parent_that_waits_for_it(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="wait"))
    await desk.fail("r")
    await desk.move("retry", ref("1", "r"))
    await desk.finish("r", result="1")
    assert await desk.state(ref("p")) == "waiting"
    assert (await desk.tree(ref("p")))[1].value == "1"


async def test_removing_a_failed_child_frees_a_parent_that_waits_for_it(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="wait"))
    await desk.fail("r")
    await desk.remove(ref("1", "r"))
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.children) == ("waiting", 0, 0)


async def test_retention_of_a_failed_child_frees_a_parent_that_waits_for_it(desk: Desk) -> None:
    await desk.add(
        parent("p"),
        child("p", queue="r", policy="wait"),
        parent("s"),
        child("s", queue="r", policy="wait", keep_failed=keep(0)),
        new(queue="r", keep_failed=keep(1)),
    )
    await desk.fail("r")
    await desk.fail("r")
    assert await desk.states(ref("p"), ref("s")) == ["waiting-children", "waiting"]
    await desk.fail("r")
    assert await desk.ids("failed", "r") == ["3"]
    assert await desk.state(ref("p")) == "waiting"


async def test_children_of_one_parent_may_have_different_policies(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="wait"), child("p", queue="s"))
    await desk.fail("r")
    await desk.finish("s")
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.move("retry", ref("1", "r"))
    await desk.finish("r")
    assert ids(await desk.claim()) == ["p"]


async def test_a_child_that_completes_after_its_parent_went_on_changes_nothing(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"))
    await desk.fail("r")
    await desk.fail()
    await desk.finish("s", result="late")
    assert await desk.state(ref("p")) == "failed"
    assert [node.value for node in await desk.tree(ref("p"))] == [None, None, "late"]


async def test_a_failed_child_does_not_touch_a_parent_that_was_cancelled(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.move("cancel", ref("p"))
    before = await desk.record(ref("p"))
    await desk.fail("r")
    after = await desk.record(ref("p"))
    assert (after.state, after.failure) == ("failed", before.failure)


async def test_a_child_that_outlives_its_parent_goes_on(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.remove(ref("p"))
    await desk.finish("r")
    await desk.fail("r")
    assert await desk.counts("r") == {"completed": 1, "failed": 1}


async def test_a_new_job_with_the_id_of_a_removed_parent_is_a_stranger_to_its_children(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.remove(ref("p"))
    await desk.add(parent("p"), child("p", queue="s"))
    await desk.finish("r")
    assert await desk.state(ref("p")) == "waiting-children"
    assert [node.job for node in await desk.tree(ref("p"))] == [ref("p"), ref("1", "s")]


async def test_parents_that_are_to_fail_come_in_the_order_of_their_children(desk: Desk) -> None:
    await desk.add(new(id="d"))
    running = await desk.claim_one()
    await desk.add(child("d", queue="r"))
    await desk.settle(later(running, 1_000))
    await desk.add(parent("w"), child("w", queue="s"))
    leases = [await desk.claim_one("s"), await desk.claim_one("r")]
    await desk.settle(*[failed(lease, is_retryable=False) for lease in leases])
    assert await desk.ids("waiting") == ["d", "w"]
