"""Move with children: a whole flow is cancelled, or what has failed of it is retried, in one step."""

from msgspec.structs import replace

from headrace.core.commands import Add, Move
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.errors import NoSuchJob, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.jobs import Failure, Follow, Keep

from .desk import Desk, awaits_children, child, done, ids, new, parent, ref

WHY = Failure("not needed", "cancelled")


async def test_a_cancelled_flow_fails_what_has_not_ended_and_leaves_the_rest(desk: Desk) -> None:
    await desk.add(parent("p"), parent("m", parent=child("p").parent), child("m", queue="r"), child("p", queue="s"))
    await desk.finish("s", result="1")
    moved = await desk.moved("cancel", ref("p"), failure=WHY, with_children=True)
    assert (moved.refusals, moved.requested, moved.asked) == ((None,), (), ())
    assert moved.jobs == (ref("p"), ref("m"), ref("1", "r"))
    assert await desk.states(ref("p"), ref("m"), ref("1", "r"), ref("1", "s")) == [*("failed",) * 3, "completed"]
    causes = [(await desk.record(job)).failure for job in moved.jobs]
    assert all(cause is not None and (cause.reason, cause.cause) == ("not needed", "cancelled") for cause in causes)
    assert await desk.claim("q", "r", "s") == ()


async def test_nothing_of_a_cancelled_flow_goes_on_because_a_member_was_cancelled(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", policy="continue_parent"), child("p", policy="ignore"))
    before = await desk.last_event("jobs/q")
    await desk.moved("cancel", ref("p"), with_children=True)
    states = [change.state for _, change in await desk.events(after=before)]
    assert states == ["failed"] * 3


async def test_the_workers_of_members_that_run_are_asked(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"))
    lease = await desk.claim_one("r")
    moved = await desk.moved("cancel", ref("p"), failure=WHY, with_children=True)
    assert (moved.requested, moved.asked) == ((0,), (ref("1", "r"),))
    assert (await desk.renew(lease)).reasons == ("not needed",)
    assert await desk.states(ref("p"), ref("1", "r"), ref("1", "s")) == ["failed", "active", "failed"]


async def test_a_flow_whose_root_has_failed_early_is_cancelled_below_it(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"))
    await desk.fail("r")
    await desk.fail()
    moved = await desk.moved("cancel", ref("p"), with_children=True)
    assert moved.jobs == (ref("1", "s"),)


async def test_a_part_of_a_flow_is_cancelled_and_its_parent_hears_of_it(desk: Desk) -> None:
    await desk.add(parent("p"), parent("m", parent=child("p").parent), child("m"))
    await desk.moved("cancel", ref("m"), with_children=True)
    lease = await desk.claim_one()
    assert (lease.id, lease.deferred is not None) == ("p", True)


async def test_members_whose_retention_is_nothing_are_gone_when_the_flow_is_cancelled(desk: Desk) -> None:
    await desk.add(parent("p", keep_failed=Keep(0)), child("p", keep_failed=Keep(0)))
    assert len((await desk.moved("cancel", ref("p"), with_children=True)).jobs) == 2
    assert await desk.counts() == {}


async def test_a_flow_in_which_nothing_is_open_or_failed_is_refused(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    moved = await desk.moved("retry", ref("p"), with_children=True)
    assert moved.refusals == (WrongState(queue="q", id="p", state="waiting-children"),)
    await desk.finish()
    await desk.finish()
    moved = await desk.moved("cancel", ref("p"), ref("nobody"), with_children=True)
    assert moved.refusals == (
        WrongState(queue="q", id="p", state="completed"),
        NoSuchJob(queue="q", id="nobody"),
    )
    assert moved.jobs == ()


async def test_a_family_that_is_too_large_is_left_alone(desk: Desk) -> None:
    await desk.add(parent("p"))
    await desk.claim_one()
    for count in (FAMILY_MAX, 1):
        await desk.run(Add(tuple(child("p", queue="r") for _ in range(count))))
    (refusal,) = (await desk.run(Move((ref("p"),), "cancel", with_children=True))).refusals
    assert refusal == FamilyTooLarge(queue="q", id="p", most=FAMILY_MAX)
    assert await desk.counts("r") == {"waiting": FAMILY_MAX + 1}


async def test_a_retried_flow_runs_again_what_has_failed_and_nothing_else(desk: Desk) -> None:
    await desk.add(parent("p"), parent("m", parent=child("p").parent), child("m", queue="r"), child("p", queue="s"))
    await desk.finish("s", result="1")
    await desk.fail("r")
    await desk.fail()
    await desk.fail()
    moved = await desk.moved("retry", ref("p"), with_children=True)
    assert moved.jobs == (ref("1", "r"), ref("m"), ref("p"))
    assert await desk.states(*moved.jobs) == ["waiting", "waiting-children", "waiting-children"]
    assert ids(await desk.claim("s")) == []
    for queue in ("r", "q", "q"):
        await desk.finish(queue, result="2")
    assert [node.value for node in await desk.tree(ref("p"))] == [None, "2", "2", "1"]
    assert await desk.state(ref("p")) == "completed"


async def test_a_parent_that_waits_goes_on_when_what_has_failed_below_it_is_retried(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", policy="wait"))
    await desk.fail()
    await desk.moved("retry", ref("p"), with_children=True)
    await desk.finish()
    assert (await desk.claim_one()).id == "p"


async def test_a_parent_waits_for_a_child_that_is_retried_with_it_though_it_had_gone_on_without(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="ignore"))
    await desk.fail("r")
    await desk.fail()
    await desk.moved("retry", ref("p"), with_children=True)
    assert await desk.state(ref("p")) == "waiting-children"
    await desk.finish("r", result="1")
    assert [node.value for node in (await desk.tree(ref("p")))[1:]] == ["1"]


async def test_a_parent_that_has_completed_is_not_called_back(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", policy="ignore"))
    await desk.fail("r")
    await desk.finish()
    moved = await desk.moved("retry", ref("p"), with_children=True)
    assert moved.jobs == (ref("1", "r"),)
    await desk.finish("r")
    assert await desk.state(ref("p")) == "completed"


async def test_a_cancelled_flow_can_be_retried(desk: Desk) -> None:
    await desk.add(new("a", id="a"))
    lease = await desk.claim_one()
    await desk.add(child("a", queue="r"))
    await desk.settle(awaits_children(lease))
    await desk.moved("cancel", ref("a"), with_children=True)
    await desk.moved("retry", ref("a"), with_children=True)
    await desk.finish("r")
    assert await desk.settle(done(await desk.claim_one())) == (None,)


async def test_a_member_that_ends_since_another_was_cancelled_ends_once(desk: Desk) -> None:
    """The parent above calls off all that is below it, and so what is still to be cancelled."""
    above = parent("p", siblings="cancel")
    for number, rest in enumerate((None, Keep(0))):
        top, mid = f"p{number}", f"m{number}"
        await desk.add(
            replace(above, id=top), parent(mid, parent=child(top).parent), child(mid, id=f"c{number}", keep_failed=rest)
        )
        before = await desk.last_event("jobs/q")
        moved = await desk.moved("cancel", ref(mid), failure=WHY, with_children=True)
        assert moved.jobs == (ref(mid), ref(f"c{number}"))
        ends = [change.was for job, change in await desk.events(after=before) if change.state == "failed"]
        assert ends == ["waiting-children", "waiting"]
    assert (await desk.counts())["failed"] == 3


async def test_a_member_that_follows_another_is_cancelled_as_it_is_then(desk: Desk) -> None:
    """It would go on, since who it follows has ended."""
    await desk.add(
        parent("p"),
        child("p", id="a"),
        replace(parent("b", parent=child("p").parent), follows=(Follow("q", "a", "finally"),)),
    )
    assert await desk.state(ref("b")) == "waiting-children"
    before = await desk.last_event("jobs/q")
    await desk.moved("cancel", ref("p"), failure=WHY, with_children=True)
    assert await desk.counts() == {"failed": 3}
    ends = [(change.state, change.was) for job, change in await desk.events(after=before) if job == "b"]
    assert ends == [("waiting", "waiting-children"), ("failed", "waiting")]
    assert await desk.claim() == ()
