"""Following: a job waits for others that are not its children; steps for the end of a job, and for its failure."""

from typing import Any

import pytest

from headrace.core.commands import Add, Remove
from headrace.core.errors import NoSuchJob
from headrace.core.flow_errors import CannotFollow, InFlow
from headrace.core.jobs import Bond, Dedup, Follow, Keep, NewJob
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import LEASE_MS, Desk, awaits_children, child, done, failed, new, parent, ref


def follower(*jobs: Any, bond: Bond = "fail_parent", id: str = "f", **fields: Any) -> NewJob:
    return parent(id, queue="f", follows=tuple(Follow(job.queue, job.id, bond) for job in jobs), **fields)


F = ref("f", "f")


async def test_a_follower_runs_when_all_that_it_follows_are_done_and_has_their_results(desk: Desk) -> None:
    first, second = await desk.add(new("a"), new("b", queue="r"))
    await desk.add(follower(first, second))
    record = await desk.record(F)
    assert (record.state, record.children_pending, record.children, record.parent) == ("waiting-children", 2, 2, None)
    await desk.finish("q", result="1")
    assert await desk.state(F) == "waiting-children"
    await desk.finish("r", result="2")
    assert await desk.state(F) == "waiting"
    nodes = (await desk.tree(F))[1:]
    assert [(node.job, node.name, node.value, node.is_followed) for node in nodes] == [
        (first, "a", "1", True),
        (second, "b", "2", True),
    ]


async def test_several_follow_one_and_its_parent_goes_first(desk: Desk) -> None:
    await desk.add(parent("p", queue="f"), new("a", id="a", parent=child("p", of_queue="f").parent))
    for name in ("f1", "f2"):
        await desk.add(follower(ref("a"), id=name))
    await desk.finish()
    moved = [job for job, change in await desk.events("f") if change.state == "waiting"]
    assert moved == ["p", "f1", "f2"]


async def test_what_has_completed_is_not_waited_for(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.finish(result="7")
    await desk.add(follower(job))
    assert await desk.state(F) == "waiting"
    assert (await desk.tree(F))[1].value == "7"


@pytest.mark.parametrize(
    ("bond", "state", "is_doomed"),
    [
        ("fail_parent", "waiting", True),
        ("continue_parent", "waiting", False),
        ("ignore", "waiting", False),
        ("drop", "waiting", False),
        ("wait", "waiting-children", False),
        ("on_failure", "waiting", False),
    ],
)
@pytest.mark.parametrize("is_early", [True, False])
async def test_a_failure_acts_by_its_bond_whether_it_comes_before_the_follower_or_after(
    desk: Desk, bond: Bond, state: str, is_doomed: bool, is_early: bool
) -> None:
    (job,) = await desk.add(new())
    if is_early:
        await desk.fail()
    await desk.add(follower(job, bond=bond))
    if not is_early:
        await desk.fail()
    record = await desk.record(F)
    assert (record.state, record.failure is not None) == (state, is_doomed)
    nodes = (await desk.tree(F))[1:]
    assert [node.ignored for node in nodes] == {"drop": []}.get(
        bond, ["boom" if state != "waiting-children" and not is_doomed else None]
    )


async def test_who_was_to_run_after_a_failure_goes_at_once_when_the_job_has_completed(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.finish()
    await desk.add(follower(job, bond="on_failure"))
    assert await desk.counts("f") == {}
    assert [change.state for change in await desk.changes(F)] == ["waiting-children", "removed"]


@pytest.mark.parametrize("bond", ["fail_parent", "continue_parent", "ignore", "drop", "on_failure"])
async def test_who_has_gone_with_a_completed_job_hears_nothing_of_one_that_failed(desk: Desk, bond: Bond) -> None:
    completed, failed = await desk.add(new(), new())
    await desk.finish()
    await desk.fail()
    both = Follow("q", completed.id, "on_failure"), Follow("q", failed.id, bond)
    await desk.add(parent("f", queue="f", follows=both))
    assert await desk.counts("f") == {}
    assert [change.state for change in await desk.changes(F)] == ["waiting-children", "removed"]


async def test_who_begins_to_wait_in_the_step_in_which_it_becomes_needless_goes(desk: Desk) -> None:
    first, second = await desk.add(new(), new())
    both = Follow("q", first.id, "continue_parent"), Follow("q", second.id, "on_failure")
    await desk.add(parent("f", queue="f", follows=both))
    await desk.fail()
    waiting, other = await desk.claim_one("f"), await desk.claim_one()
    await desk.settle(awaits_children(waiting), done(other))
    assert await desk.counts("f") == {}


async def test_a_cancelled_job_has_failed_for_its_followers(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await desk.move("cancel", job)
    assert (await desk.claim_one("f")).deferred is not None


async def test_a_job_that_is_removed_is_waited_for_no_more(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await desk.remove(job)
    assert await desk.state(F) == "waiting"
    assert len(await desk.tree(F)) == 1


async def test_who_is_removed_together_with_the_job_is_told_nothing(desk: Desk) -> None:
    await desk.add(parent("p", queue="f"), child("p", of_queue="f"))
    await desk.add(follower(ref("p", "f")))
    removed = await desk.run(Remove(queue="f", states=("waiting-children",)))
    assert set(removed.jobs) == {ref("p", "f"), F}
    assert await desk.counts("f") == {}
    assert [change.state for change in await desk.changes(F)] == ["waiting-children", "removed"]


async def test_results_outlive_the_job(desk: Desk) -> None:
    (job,) = await desk.add(new(keep_completed=Keep(0)))
    await desk.add(follower(job))
    await desk.finish(result="1")
    (node,) = (await desk.tree(F))[1:]
    assert (node.record, node.value, await desk.state(F)) == (None, "1", "waiting")


async def test_who_is_gone_is_told_nothing(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await desk.remove(F)
    await desk.finish()
    assert await desk.counts("f") == {}


async def test_a_job_that_is_retried_is_waited_for_again_by_a_follower_that_still_waits(desk: Desk) -> None:
    first, second = await desk.add(new(), new())
    await desk.add(follower(first, second, bond="ignore"))
    await desk.fail()
    await desk.move("retry", first)
    assert (await desk.record(F)).children_pending == 2
    await desk.finish()
    assert await desk.state(F) == "waiting-children"
    await desk.finish()
    await desk.claim_one("f")
    await desk.move("retry", first)
    assert await desk.state(F) == "active"


async def test_a_recovery_does_not_tell_again_of_the_failure_that_a_retried_follower_knows(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await desk.fail()
    await desk.fail("f")
    await desk.move("retry", F)
    await desk.recover()
    assert await desk.state(F) == "waiting-children"
    await desk.move("retry", job)
    await desk.fail()
    assert await desk.state(F) == "waiting"


async def test_a_retried_follower_waits_for_the_job_that_failed_it(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await desk.fail()
    await desk.fail("f")
    await desk.move("retry", F)
    assert await desk.state(F) == "waiting-children"
    await desk.move("retry", job)
    await desk.finish()
    assert (await desk.claim_one("f")).deferred is None


async def test_a_job_that_is_followed_is_not_below_its_follower(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.add(follower(ref("p")))
    assert [node.job.id for node in await desk.tree(F)] == ["f", "p"]
    assert (await desk.moved("cancel", F, with_children=True)).jobs == (F,)
    assert (await desk.remove(F, with_children=True)).jobs == (F,)
    assert await desk.counts() == {"waiting": 1, "waiting-children": 1}


async def test_a_job_that_is_followed_stays_in_its_queue(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    (refusal,) = (await desk.moved("move", job, to="elsewhere")).refusals
    assert refusal == InFlow(queue="q", id=job.id)


async def test_nothing_is_added_when_a_job_that_is_to_be_followed_is_missing(desk: Desk) -> None:
    refusal = await desk.refusal(Add((new(), follower(ref("nobody")))))
    assert refusal == NoSuchJob(queue="q", id="nobody")
    refusal = await desk.refusal(Add((new(), follower(F))))
    assert refusal == NoSuchJob(queue="f", id="f")
    assert await desk.counts() == {}


async def test_a_child_of_a_job_that_is_there_cannot_follow_as_all_might_wait_for_ever(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.add(follower(ref("p")))
    first = new(id="c", has_children=True, parent=child("p").parent)
    second = new(id="d", has_children=True, parent=child("c").parent, follows=(Follow("f", "f"),))
    assert await desk.refusal(Add((first, second))) == CannotFollow(queue="q", id="p")
    assert await desk.refusal(Add((new(has_children=True, parent=first.parent, follows=second.follows),))) == (
        CannotFollow(queue="q", id="p")
    )


async def flow_with_steps(desk: Desk) -> None:
    """`p` with two children, a step for its end, and one for its failure."""
    steps = (follower(ref("p"), bond="finally"), follower(ref("p"), bond="on_failure", id="rescue"))
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"), *steps)


async def test_a_step_for_the_end_runs_when_all_have_completed_and_that_for_the_failure_goes(desk: Desk) -> None:
    await flow_with_steps(desk)
    await desk.finish("r", result="1")
    await desk.finish("s", result="2")
    assert await desk.state(F) == "waiting-children"
    await desk.finish(result="3")
    assert (await desk.claim_one("f")).id == "f"
    assert [(node.name, node.value) for node in (await desk.tree(F))[1:]] == [
        ("p", "3"),
        ("child", "1"),
        ("child", "2"),
    ]
    assert not await desk.exists(ref("rescue", "f"))
    assert (await desk.changes(ref("rescue", "f")))[-1] == Change("removed", "waiting-children")


async def test_a_step_for_the_failure_runs_at_once_and_one_for_the_end_when_the_others_have_ended(desk: Desk) -> None:
    await flow_with_steps(desk)
    await desk.fail("r", reason="no route")
    await desk.fail()
    assert await desk.state(F) == "waiting-children"
    assert (await desk.claim_one("f")).id == "rescue"
    await desk.finish("s", result="2")
    assert (await desk.claim_one("f")).id == "f"
    assert [(node.value, node.ignored) for node in (await desk.tree(F))[1:]] == [
        (None, "child r/1 failed"),
        (None, "no route"),
        ("2", None),
    ]


async def test_steps_run_when_the_flow_is_cancelled(desk: Desk) -> None:
    await flow_with_steps(desk)
    lease = await desk.claim_one("r")
    await desk.moved("cancel", ref("p"), with_children=True)
    assert (await desk.claim_one("f")).id == "rescue"
    assert await desk.claim("f") == ()
    await desk.settle(failed(lease))
    assert (await desk.claim_one("f")).id == "f"


async def test_a_step_for_the_end_runs_when_the_flow_is_removed_and_that_for_the_failure_goes(desk: Desk) -> None:
    await flow_with_steps(desk)
    gone = await desk.remove(ref("p"), with_children=True)
    assert len(gone.jobs) == 3
    assert await desk.states(F) == ["waiting"]
    assert await desk.counts("f") == {"waiting": 1}
    assert [(node.job, node.record, node.ignored) for node in (await desk.tree(F))[1:]] == [
        (job, None, "removed") for job in gone.jobs
    ]


async def test_a_step_for_the_end_waits_for_what_is_added_below_while_the_job_runs(desk: Desk) -> None:
    await desk.add(new(id="p"), follower(ref("p"), bond="finally"))
    lease = await desk.claim_one()
    tie = child("p").parent
    await desk.add(new("c", id="c", queue="r", has_children=True, parent=tie), child("c", of_queue="r", queue="s"))
    await desk.settle(awaits_children(lease))
    assert (await desk.record(F)).children_pending == 3
    await desk.finish("s")
    await desk.fail("r")
    await desk.fail()
    assert await desk.state(F) == "waiting"
    assert [node.name for node in (await desk.tree(F))[1:]] == ["task", "c", "child"]


async def test_a_step_runs_once_though_the_job_is_retried(desk: Desk) -> None:
    await desk.add(new(id="p"), follower(ref("p"), bond="finally"))
    await desk.fail()
    await desk.finish("f")
    await desk.move("retry", ref("p"))
    await desk.finish()
    assert await desk.states(ref("p"), F) == ["completed", "completed"]


async def test_a_step_whose_worker_is_lost_is_given_to_another_and_the_lost_one_records_nothing(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(id="p"), follower(ref("p"), bond="finally"))
    await desk.finish()
    lost = await desk.claim_one("f")
    clock.advance(LEASE_MS)
    await desk.recover()
    again = await desk.claim_one("f", token="other")
    (refusal,) = await desk.settle(done(lost))
    assert refusal is not None
    assert await desk.settle(done(again)) == (None,)
    assert await desk.claim("f") == ()


async def test_a_step_for_the_end_is_for_a_job_that_is_added_with_it(desk: Desk) -> None:
    (job,) = await desk.add(new(id="p"))
    assert await desk.refusal(Add((follower(job, bond="finally"),))) == NoSuchJob(queue="q", id="p")


async def test_a_job_that_is_replaced_in_the_same_add_is_not_waited_for(desk: Desk) -> None:
    late: dict[str, Any] = {"delay_ms": 1_000, "dedup": Dedup("k", replaces=True)}
    await desk.add(new(id="old", **late))
    added = await desk.run(Add((new(**late), follower(ref("old")))))
    assert added.replaced == ((0, ref("old")),)
    assert (await desk.record(F)).state == "waiting"
