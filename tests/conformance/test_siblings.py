"""Siblings: what becomes of the other children when one has failed their parent."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from headrace.core.jobs import Failure, Follow, Keep, Policy
from headrace.core.lifecycle import child_failed

from .desk import Desk, awaits_children, child, failed, later, new, parent, ref


async def cancelled(desk: Desk, *jobs: str) -> Sequence[bool]:
    records = [await desk.record(ref(job)) for job in jobs]
    return [record.failure is not None and record.failure.cause == "cancelled" for record in records]


async def test_they_run_on_unless_the_parent_says_otherwise(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="s"))
    await desk.fail("r")
    assert await desk.state(ref("1", "s")) == "waiting"


async def test_they_and_all_below_them_are_cancelled_when_the_parent_has_failed(desk: Desk) -> None:
    await desk.add(
        parent("p", siblings="cancel"),
        child("p", queue="r"),
        parent("m", parent=child("p").parent),
        child("m", id="c"),
        child("p", queue="s"),
    )
    await desk.finish("s")
    await desk.fail("r", reason="boom")
    assert await cancelled(desk, "m", "c") == [True, True]
    failure = (await desk.record(ref("c"))).failure
    assert failure is not None
    assert failure.reason == "its sibling r/1 failed"
    assert await desk.state(ref("1", "s")) == "completed"
    assert (await desk.claim_one()).deferred == replace(child_failed("r", "1"), at=failure.at)


@pytest.mark.parametrize("policy", ["continue_parent", "ignore", "drop", "wait"])
async def test_they_run_on_when_the_parent_still_needs_them(desk: Desk, policy: Policy) -> None:
    await desk.add(parent("p", siblings="cancel"), child("p", queue="r", policy=policy), child("p", queue="s"))
    await desk.fail("r")
    assert await desk.state(ref("1", "s")) == "waiting"


async def test_the_worker_of_one_that_runs_is_asked(desk: Desk) -> None:
    await desk.add(parent("p", siblings="cancel"), child("p", queue="r"), child("p", queue="s"))
    lease = await desk.claim_one("s")
    await desk.fail("r")
    assert (await desk.renew(lease)).reasons == ("its sibling r/1 failed",)


async def test_to_cancel_a_child_calls_off_its_siblings(desk: Desk) -> None:
    await desk.add(parent("p", siblings="cancel"), child("p", id="a"), child("p", id="b", keep_failed=Keep(0)))
    await desk.move("cancel", ref("a"), failure=Failure("no", "cancelled"))
    assert await cancelled(desk, "a") == [True]
    assert not await desk.exists(ref("b"))


async def test_a_parent_that_has_ended_calls_nothing_off(desk: Desk) -> None:
    await desk.add(parent("p", siblings="cancel"), child("p", queue="r"), child("p", queue="s"))
    await desk.move("cancel", ref("p"))
    await desk.fail("r")
    assert await desk.state(ref("1", "s")) == "waiting"


async def test_a_parent_that_runs_calls_off_the_children_that_it_has_added(desk: Desk) -> None:
    await desk.add(new(id="p", siblings="cancel"))
    lease = await desk.claim_one()
    await desk.add(child("p", queue="r"), child("p", queue="s"))
    await desk.fail("r")
    assert await desk.counts("s") == {"failed": 1}
    await desk.settle(awaits_children(lease))
    assert (await desk.claim_one()).deferred is not None


async def test_a_job_that_is_followed_calls_off_the_children_and_is_never_called_off(desk: Desk) -> None:
    first, second = await desk.add(new(), new())
    await desk.add(
        parent("p", siblings="cancel", follows=(Follow("q", first.id), Follow("q", second.id))), child("p", id="c")
    )
    lease = await desk.claim_one()
    assert lease.id == first.id
    await desk.settle(failed(lease))
    assert await cancelled(desk, "c") == [True]
    assert await desk.state(second) == "waiting"


async def test_one_that_is_put_off_in_the_same_step_is_called_off_and_kept(desk: Desk) -> None:
    await desk.add(parent("p", siblings="cancel"), child("p", id="a"), child("p", id="b"))
    first, second = await desk.claim(limit=2)
    put_off = replace(later(first, 50), keep=Keep(0))  # says what is kept of one that ends, and it did not
    assert await desk.settle(put_off, failed(second)) == (None, None)
    assert (await desk.record(ref("a"))).state == "failed"
