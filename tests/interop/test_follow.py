"""Jobs that follow others, where Node ends or removes some of them: it knows nothing of followers."""

from typing import Any

import pytest

from headrace.core.commands import Remove
from headrace.core.jobs import Bond, Follow, JobRef, Keep, NewJob
from tests.conformance.desk import Desk, done, new, parent, ref
from tests.interop.node import Node

WAIT_MS = 8_000
F = ref("f", "f")


def follower(*jobs: JobRef, bond: Bond = "fail_parent", **fields: Any) -> NewJob:
    return parent("f", queue="f", follows=tuple(Follow(job.queue, job.id, bond) for job in jobs), **fields)


async def test_who_follows_a_job_that_node_completed_is_told_by_recover(node: Node, desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"n":1}'))
    await desk.add(follower(job))
    await node("work", "q", {})
    await node("ended", 1, WAIT_MS)
    assert await desk.state(F) == "waiting-children"
    await desk.recover()
    assert await desk.state(F) == "waiting"
    assert (await desk.tree(F))[1].value == '{"data":{"n":1},"made":0,"started":1}'
    await node("work", "f", {})
    assert await node("ended", 1, WAIT_MS) == [["f", "f", "completed"]]


@pytest.mark.parametrize(
    ("bond", "state", "is_doomed"),
    [("fail_parent", "waiting", True), ("ignore", "waiting", False), ("wait", "waiting-children", False)],
)
async def test_who_follows_a_job_that_failed_under_node_is_told_by_its_bond(
    node: Node, desk: Desk, bond: Bond, state: str, is_doomed: bool
) -> None:
    (job,) = await desk.add(new("fail", data='{"reason":"no"}'))
    await desk.add(follower(job, bond=bond))
    await node("work", "q", {})
    await node("ended", 1, WAIT_MS)
    await desk.recover()
    record = await desk.record(F)
    assert (record.state, record.failure is not None) == (state, is_doomed)
    assert (await desk.tree(F))[1].ignored == ("no" if bond == "ignore" else None)


async def test_a_job_that_node_removed_or_did_not_keep_is_waited_for_no_more(
    node: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    by_hand, unkept = await desk.add(new(), new(queue="r", keep_completed=Keep(0)))
    await desk.add(follower(by_hand, unkept))
    await node("hand", "q", by_hand.id, "remove")
    await node("work", "r", {})
    await node("ended", 1, WAIT_MS)
    await desk.recover()
    record = await desk.record(F)
    assert (record.state, record.children) == ("waiting", 0)
    assert not keys.keys(f"{prefix}~:*:follow*") + keys.keys(f"{prefix}~::followed")


async def test_the_steps_of_a_job_that_node_completed(node: Node, desk: Desk) -> None:
    rescue = parent("rescue", queue="f", follows=(Follow("q", "p", "on_failure"),))
    await desk.add(new(id="p"), follower(ref("p"), bond="finally"), rescue)
    await node("work", "q", {})
    await node("ended", 1, WAIT_MS)
    await desk.recover()
    assert await desk.state(F) == "waiting"
    assert not await desk.exists(ref("rescue", "f"))


async def test_a_follower_that_node_removed_is_forgotten(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    (job,) = await desk.add(new())
    await desk.add(follower(job))
    await node("hand", "f", "f", "remove")
    await desk.settle(done(await desk.claim_one()))
    assert not keys.keys(f"{prefix}~:*:follow*") + keys.keys(f"{prefix}~::followed") + keys.keys(f"{prefix}:f:f*")


async def test_a_job_that_has_taken_the_id_of_one_that_node_removed_is_not_waited_for(node: Node, desk: Desk) -> None:
    await desk.add(new(id="a"))
    await desk.add(follower(ref("a")))
    await node("hand", "q", "a", "remove")
    await desk.add(new(id="a"))
    await desk.recover()
    assert await desk.state(F) == "waiting"
    await desk.finish()
    assert len(await desk.tree(F)) == 1


async def test_nothing_of_it_stands_in_what_node_reads_and_nothing_is_left(desk: Desk, keys: Any, prefix: str) -> None:
    first, second = await desk.add(new(), new())
    await desk.add(follower(first, second, bond="ignore"))
    assert not [key for key in keys.keys(f"{prefix}:*") if key.endswith((":dependencies", ":processed", ":failed"))]
    await desk.remove(first)
    await desk.settle(done(await desk.claim_one()))
    await desk.run(Remove((F, second)))
    assert not keys.keys(f"{prefix}~:*:follow*") + keys.keys(f"{prefix}~::followed")
