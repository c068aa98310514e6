"""Families: retrying parents and children, and taking whole families away."""

import pytest

from headrace.core.commands import Add, Removed
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.errors import LeaseLost, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.lifecycle import child_failed
from headrace.core.log import Change

from .desk import Desk, child, done, failed, new, parent, ref


async def failed_flow(desk: Desk) -> None:
    """`p` has failed, because its first child did; the second is not done."""
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"))
    await desk.fail("r")
    await desk.fail()


async def test_a_retried_parent_waits_for_the_child_that_failed_it(desk: Desk) -> None:
    await failed_flow(desk)
    await desk.finish("s", result="2")
    await desk.move("retry", ref("p"))
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.failure) == ("waiting-children", 1, None)
    assert (await desk.changes(ref("p")))[-1] == Change("waiting-children", "failed")
    await desk.move("retry", ref("1", "r"))
    await desk.finish("r", result="1")
    assert [node.value for node in (await desk.tree(ref("p")))[1:]] == ["1", "2"]
    assert (await desk.claim_one()).deferred is None


async def test_a_retried_parent_waits_for_children_that_are_not_done(desk: Desk) -> None:
    await failed_flow(desk)
    await desk.remove(ref("1", "r"))
    await desk.move("retry", ref("p"))
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("s")
    assert await desk.state(ref("p")) == "waiting"


async def test_a_child_that_was_retried_and_completed_before_its_parent_gives_its_result(desk: Desk) -> None:
    await failed_flow(desk)
    await desk.finish("s", result="2")
    await desk.move("retry", ref("1", "r"))
    await desk.finish("r", result="1")
    assert await desk.state(ref("p")) == "failed"
    await desk.move("retry", ref("p"))
    assert await desk.state(ref("p")) == "waiting"
    assert [node.value for node in (await desk.tree(ref("p")))[1:]] == ["1", "2"]


async def test_a_retried_parent_does_not_wait_for_a_child_that_is_gone(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.fail("r")
    await desk.fail()
    await desk.remove(ref("1", "r"))
    await desk.move("retry", ref("p"))
    assert (await desk.claim_one()).deferred is None


async def test_a_child_that_fails_a_retried_parent_again_fails_it_again(desk: Desk) -> None:
    await failed_flow(desk)
    await desk.move("retry", ref("p"), ref("1", "r"))
    await desk.fail("r")
    record = await desk.record(ref("p"))
    assert (record.state, record.failure and record.failure.reason) == ("waiting", child_failed("r", "1").reason)


async def test_a_retried_parent_does_not_wait_for_ignored_children(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="ignore"))
    await desk.fail("r")
    await desk.settle(failed(await desk.claim_one()))
    await desk.move("retry", ref("p"))
    assert await desk.state(ref("p")) == "waiting"
    assert (await desk.tree(ref("p")))[1].ignored == "boom"


async def test_a_cancelled_parent_that_is_retried_waits_for_its_children(desk: Desk) -> None:
    await desk.add(parent("p", priority=3, delay_ms=10), child("p", queue="r"))
    await desk.move("cancel", ref("p"))
    await desk.move("retry", ref("p"))
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.priority) == ("waiting-children", 1, 3)
    await desk.finish("r")
    assert await desk.state(ref("p")) == "delayed"


async def test_a_retried_child_does_not_run_a_failed_parent_again(desk: Desk) -> None:
    await failed_flow(desk)
    before = await desk.changes(ref("p"))
    await desk.move("retry", ref("1", "r"))
    await desk.finish("r")
    await desk.finish("s")
    assert await desk.changes(ref("p")) == before


async def deep(desk: Desk) -> None:
    await desk.add(
        parent("top"),
        child("top", id="mid", queue="r", of_queue="q", has_children=True),
        child("mid", of_queue="r", queue="s"),
        child("mid", of_queue="r", queue="s"),
        child("top", queue="t"),
    )


async def test_a_family_is_removed_in_one_step(desk: Desk) -> None:
    await deep(desk)
    await desk.finish("s")
    reply = await desk.remove(ref("top"), with_children=True)
    family = (ref("top"), ref("mid", "r"), ref("1", "s"), ref("2", "s"), ref("1", "t"))
    assert reply == Removed(family, (None,))
    for queue in "qrst":
        assert await desk.counts(queue) == {}
    assert (await desk.changes(ref("1", "s")))[-1] == Change("removed", "completed")
    assert (await desk.changes(ref("top"))) == [Change("waiting-children"), Change("removed", "waiting-children")]


async def test_a_part_of_a_flow_is_removed_with_what_is_below_it(desk: Desk) -> None:
    await deep(desk)
    await desk.finish("t")
    await desk.remove(ref("mid", "r"), with_children=True)
    assert await desk.counts("s") == {}
    assert await desk.state(ref("top")) == "waiting"
    assert (await desk.record(ref("top"))).children == 1


async def test_a_family_with_a_member_that_runs_stays_whole(desk: Desk) -> None:
    await deep(desk)
    lease = await desk.claim_one("s")
    reply = await desk.remove(ref("nobody"), ref("top"), with_children=True)
    assert reply.jobs == ()
    assert reply.refusals[1] == WrongState(queue="s", id="1", state="active")
    await desk.settle(done(lease))
    assert [node.job.queue for node in await desk.tree(ref("top"))] == ["q", "r", "s", "s", "t"]


async def test_a_family_has_its_limit(desk: Desk) -> None:
    await desk.add(parent("p"), *(child("p", queue="r") for _ in range(FAMILY_MAX - 1)))
    await desk.add(*(child("p", queue="r") for _ in range(2)))
    refusals = (await desk.remove(ref("p"), with_children=True)).refusals
    assert refusals == (FamilyTooLarge(queue="q", id="p", most=FAMILY_MAX),)
    await desk.remove(ref("1", "r"))
    assert len((await desk.remove(ref("p"), with_children=True)).jobs) == FAMILY_MAX + 1


async def test_without_their_parent_children_go_on_for_themselves(desk: Desk) -> None:
    await deep(desk)
    await desk.remove(ref("mid", "r"))
    assert [(await desk.record(ref(leaf, "s"))).parent for leaf in ("1", "2")] == [None, None]
    await desk.finish("s")
    await desk.finish("t")
    assert await desk.state(ref("top")) == "waiting"


@pytest.mark.parametrize("token", ["other", "t"])
async def test_only_who_holds_a_running_parent_adds_children_to_it_with_a_token(desk: Desk, token: str) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    command = Add((child("1", queue="r"),), token=token)
    if token == lease.token:
        await desk.run(command)
        assert (await desk.record(ref("1"))).children_pending == 1
    else:
        assert await desk.refusal(command) == LeaseLost(queue="q", id="1")
        assert await desk.counts("r") == {}


async def test_a_token_is_lost_when_the_parent_has_been_put_back(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.settle(done(lease))
    assert await desk.refusal(Add((child("1"),), token=lease.token)) == LeaseLost(queue="q", id="1")
