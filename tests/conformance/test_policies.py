"""Policies: what the final failure of a child does to its parent, and what is left of it there."""

import pytest

from headrace.core.flow_errors import InFlow
from headrace.core.jobs import POLICIES, Failure
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
    put_back,
    ref,
)

GOES_ON = ("continue_parent", "ignore", "drop")


async def test_a_child_that_continues_its_parent_releases_it_while_others_are_pending(desk: Desk) -> None:
    await desk.add(new(), parent("p"), child("p", queue="r", policy="continue_parent"), child("p", queue="r"))
    await desk.fail("r", reason="no")
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.failure) == ("waiting", 1, None)
    assert await desk.ids("waiting") == ["p", "1"]
    assert [(node.is_pending, node.ignored) for node in (await desk.tree(ref("p")))[1:]] == [
        (False, "no"),
        (True, None),
    ]
    await desk.finish("r", result="2")
    assert (await desk.tree(ref("p")))[2].value == "2"
    assert await desk.changes(ref("p")) == [Change("waiting-children"), Change("waiting", "waiting-children")]


async def test_several_children_that_continue_their_parent_release_it_once(desk: Desk) -> None:
    await desk.add(parent("p"), *(child("p", queue="r", policy="continue_parent") for _ in range(3)))
    first, second, _ = await desk.claim("r")
    await desk.settle(failed(first), failed(second))
    assert ids(await desk.claim()) == ["p"]
    assert len(await desk.changes(ref("p"))) == 3


async def test_a_parent_that_was_continued_may_wait_for_the_others(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="continue_parent"), child("p", queue="r"))
    await desk.fail("r")
    await desk.settle(awaits_children(await desk.claim_one()))
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("r")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_parent_that_ran_while_a_child_continued_it_does_not_begin_to_wait(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r", policy="continue_parent"), child("1", queue="r"))
    await desk.fail("r")
    await desk.settle(awaits_children(lease, pause_ms=50))
    assert await desk.state(ref("1")) == "waiting"
    await desk.settle(awaits_children(await desk.claim_one()))
    assert await desk.state(ref("1")) == "waiting-children"


async def test_that_a_child_continued_it_ends_with_the_run(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r", policy="continue_parent"), child("1", queue="r"))
    await desk.fail("r")
    await desk.settle(put_back(lease))
    await desk.settle(awaits_children(await desk.claim_one()))
    assert await desk.state(ref("1")) == "waiting-children"


async def test_an_ignored_child_counts_as_done_and_leaves_its_reason(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="ignore"), child("p", queue="r"))
    await desk.fail("r", reason="no")
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.children) == ("waiting-children", 1, 2)
    await desk.finish("r", result="2")
    nodes = (await desk.tree(ref("p")))[1:]
    assert [(node.is_pending, node.value, node.ignored) for node in nodes] == [(False, None, "no"), (False, "2", None)]
    assert (await desk.claim_one()).deferred is None


@pytest.mark.parametrize("doomed_by", ["a cancel", "a child"])
async def test_a_child_leaves_the_reason_that_its_run_ended_with_not_one_that_was_deferred_meanwhile(
    desk: Desk, doomed_by: str
) -> None:
    await desk.add(parent("p"), child("p", id="mid", queue="r", policy="ignore"), child("p", queue="s"))
    lease = await desk.claim_one("r")
    if doomed_by == "a cancel":
        await desk.move("cancel", ref("mid", "r"), failure=Failure("no more", "cancelled"))
    else:
        await desk.add(child("mid", of_queue="r", queue="t"))
        await desk.fail("t")
    assert (await desk.record(ref("mid", "r"))).failure is not None
    await desk.settle(failed(lease))
    failure = (await desk.record(ref("mid", "r"))).failure
    assert failure is not None
    assert (failure.reason, failure.cause) == ("boom", "error")
    assert [node.ignored for node in await desk.tree(ref("p")) if node.job == ref("mid", "r")] == ["boom"]
    assert await desk.changes(ref("mid", "r")) == [
        Change("waiting"),
        Change("active", "waiting"),
        Change("failed", "active", "error"),
    ]


async def test_the_reason_of_an_ignored_child_outlives_it(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="ignore", keep_failed=keep(0)), child("p", queue="r"))
    await desk.fail("r", reason="no")
    assert not await desk.exists(ref("1", "r"))
    (_, node, _) = await desk.tree(ref("p"))
    assert (node.record, node.ignored, node.is_pending) == (None, "no", False)


async def test_a_dropped_child_is_no_child_any_more(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="drop"), child("p", queue="r"))
    await desk.fail("r")
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.children) == ("waiting-children", 1, 1)
    assert [node.job for node in await desk.tree(ref("p"))] == [ref("p"), ref("2", "r")]
    await desk.move("retry", ref("1", "r"))
    assert (await desk.record(ref("p"))).children_pending == 1
    await desk.finish("r")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_dropped_child_may_move_to_another_queue_when_its_parent_is_gone(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="drop", id="c"))
    await desk.fail("r")
    assert isinstance((await desk.moved("move", ref("c", "r"), to="s")).refusals[0], InFlow)
    await desk.remove(ref("p"))
    await desk.move("move", ref("c", "r"), to="s")
    assert (await desk.record(ref("c", "s"))).parent is None


async def test_a_dropped_child_names_its_parent_as_long_as_there_is_one(desk: Desk, engine: str) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="drop"))
    await desk.fail("r")
    assert (await desk.record(ref("1", "r"))).parent is not None
    await desk.remove(ref("p"))
    if engine != "redis":  # nothing in BullMQ's layout leads from a parent to a child that it has dropped
        assert (await desk.record(ref("1", "r"))).parent is None


@pytest.mark.parametrize("policy", GOES_ON)
async def test_the_last_child_that_fails_without_harm_releases_its_parent(desk: Desk, policy: str) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy=policy))
    await desk.fail("r")
    assert (await desk.claim_one()).deferred is None
    assert len(await desk.changes(ref("p"))) == 3


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_child_that_is_tried_again_by_itself_has_not_failed(desk: Desk, policy: str) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy=policy, attempts=2))
    await desk.settle(failed(await desk.claim_one("r")))
    (_, node) = await desk.tree(ref("p"))
    assert (node.is_pending, node.ignored) == (True, None)


@pytest.mark.parametrize("policy", GOES_ON)
async def test_the_delay_of_a_parent_begins_when_a_failed_child_lets_it_go_on(
    desk: Desk, clock: FrozenClock, policy: str
) -> None:
    await desk.add(parent("p", delay_ms=100), child("p", queue="r", policy=policy))
    clock.advance(500)
    await desk.fail("r")
    assert (await desk.record(ref("p"))).due_at == clock.now + 100


@pytest.mark.parametrize("policy", GOES_ON)
async def test_a_failed_child_does_not_call_back_a_delayed_parent_that_it_does_not_fail(
    desk: Desk, policy: str
) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r", policy=policy))
    await desk.settle(later(lease, 1_000))
    await desk.fail("r")
    assert await desk.state(ref("1")) == "delayed"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("end", ["failed", "cancelled", "stalled", "removed", "expired"])
async def test_no_way_to_end_leaves_a_parent_stuck(desk: Desk, clock: FrozenClock, policy: str, end: str) -> None:
    options = {"max_stalled": 0} if end == "stalled" else {"keep_failed": keep(0)} if end == "expired" else {}
    await desk.add(parent("p"), child("p", queue="r", policy=policy, **options))
    match end:
        case "cancelled":
            await desk.move("cancel", ref("1", "r"))
        case "removed":
            await desk.remove(ref("1", "r"))
        case "stalled":
            await desk.claim_one("r", lease_ms=1)
            clock.advance(1)
            await desk.recover()
            await desk.fail("r")
        case _:
            await desk.fail("r")
    is_waiting = policy == "wait" and end not in ("removed", "expired")
    assert await desk.state(ref("p")) == ("waiting-children" if is_waiting else "waiting")
    is_failed = policy == "fail_parent" and end != "removed"
    assert ((await desk.record(ref("p"))).failure is not None) == is_failed


async def test_parents_go_on_in_the_order_of_their_children_whatever_the_policy(desk: Desk) -> None:
    for number, policy in enumerate(("ignore", "fail_parent", "continue_parent", "drop")):
        await desk.add(parent(f"p{number}"), child(f"p{number}", queue="r", policy=policy))
    await desk.settle(*(failed(lease) for lease in await desk.claim("r")))
    assert await desk.ids("waiting") == ["p3", "p2", "p1", "p0"]


async def test_policies_of_several_children_act_together(desk: Desk) -> None:
    await desk.add(parent("p"), *(child("p", queue="r", policy=policy) for policy in POLICIES if policy != "wait"))
    await desk.settle(*(failed(lease, policy) for lease, policy in zip(await desk.claim("r"), POLICIES, strict=False)))
    nodes = (await desk.tree(ref("p")))[1:]
    assert [node.ignored for node in nodes] == [None, "continue_parent", "ignore"]
    assert (await desk.claim_one()).deferred is not None


@pytest.mark.parametrize("policy", ["fail_parent", "continue_parent", "ignore", "wait"])
async def test_a_parent_that_still_waits_waits_again_for_a_retried_child(desk: Desk, policy: str) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy=policy), child("p", queue="s", policy="wait"))
    await desk.fail("r")
    if policy in ("fail_parent", "continue_parent"):  # it went on; retried, or asking for it, it waits
        lease = await desk.claim_one()
        await desk.settle(failed(lease) if lease.deferred else awaits_children(lease))
        if lease.deferred:
            await desk.move("retry", ref("p"))
    await desk.move("retry", ref("1", "r"))
    assert [node.is_pending for node in (await desk.tree(ref("p")))[1:]] == [True, True]
    await desk.finish("s")
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("r", result="1")
    assert await desk.state(ref("p")) == "waiting"
    node = (await desk.tree(ref("p")))[1]
    assert (node.value, node.ignored) == ("1", None)


async def test_awaiting_children_with_none_pending_goes_on_at_once_or_after_a_pause(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(), new())
    first, second = await desk.claim()
    await desk.settle(awaits_children(first), awaits_children(second, pause_ms=70))
    assert await desk.states(ref("1"), ref("2")) == ["waiting", "delayed"]
    assert (await desk.record(ref("2"))).due_at == clock.now + 70
    assert (await desk.changes(ref("2")))[-2:] == [
        Change("waiting-children", "active"),
        Change("delayed", "waiting-children"),
    ]


async def test_the_pause_is_for_those_that_have_nothing_to_wait_for(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.settle(awaits_children(lease, pause_ms=70))
    await desk.settle(done(await desk.claim_one("r")))
    assert await desk.state(ref("1")) == "waiting"
