"""Flows whose parents and children are added and worked off by both sides."""

import json
from typing import Any

import pytest

from headrace.core.commands import Node as Branch
from tests.interop.across import POLICIES, SIDES, Across, Side, Tree, job, other
from tests.interop.deeds import call
from tests.interop.node import NodeError

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS = [*POLICIES, None]  # without an option the parent waits until the child is retried or removed
BOTH_WAYS = [(by, children, parent) for by in SIDES for children in SIDES for parent in SIDES]


def flows(q: str, r: str, outcome: str) -> list[Tree]:
    """Of each option a parent with a child that completes, and one that completes or fails."""
    found = []
    for option in OPTIONS:
        opts = {option: True} if option else {}
        second = job("give", r, value=2, opts=opts) if outcome == "complete" else job("fail", r, reason="no", opts=opts)
        found.append(job("sum", q, job("give", r, value=1), second, opts={"jobId": f"{option}"}))
    return found


@pytest.mark.parametrize(("by", "children_by", "parent_by"), BOTH_WAYS)
async def test_a_parent_goes_on_when_its_children_are_done(
    across: Across, by: Side, children_by: Side, parent_by: Side
) -> None:
    q, r = across.queue(), across.queue()
    ids = await across.add(by, *flows(q, r, "complete"))
    async with across.working(parent_by, q), across.working(children_by, r):
        records = await across.ended(q, *ids)
    expected = {"values": [1, 2], "ignored": []}
    assert [json.loads(record.result or "") for record in records] == [expected] * len(OPTIONS)
    assert [(await across.seen(q, job_id))["returnvalue"] for job_id in ids] == [expected] * len(OPTIONS)
    assert {(record.children, record.children_pending) for record in records} == {(2, 0)}


@pytest.mark.parametrize(("by", "children_by", "parent_by"), BOTH_WAYS)
async def test_a_child_that_fails_does_to_its_parent_what_its_option_says(
    across: Across, by: Side, children_by: Side, parent_by: Side
) -> None:
    q, r = across.queue(), across.queue()
    ids = await across.add(by, *flows(q, r, "fail"))
    records = [node.record for job_id in ids for node in await children(across, q, job_id) if node.name == "fail"]
    bonds = [record.parent.policy for record in records if record is not None and record.parent is not None]
    assert bonds == [*POLICIES.values(), "wait"]
    async with across.working(children_by, r, concurrency=1):
        await across.finished(r, completed=len(ids), failed=len(ids))
    async with across.working(parent_by, q):
        ended = dict(zip(OPTIONS, await across.ended(q, *ids[:-1]), strict=False))
    for option, ignored in (
        ("continueParentOnFailure", ["no"]), ("ignoreDependencyOnFailure", ["no"]), ("removeDependencyOnFailure", []),
    ):  # fmt: skip
        result = json.loads(ended[option].result or "")
        assert result == {"values": [1], "ignored": ignored}, option
    doomed = ended["failParentOnFailure"]
    assert doomed.failure is not None
    (child,) = [node for node in await children(across, q, doomed.id) if node.name == "fail"]
    assert (doomed.state, doomed.failure.reason, doomed.failure.cause) == (
        "failed", f"child {child.job} failed", "child-failed",
    )  # fmt: skip
    seen = await across.seen(q, doomed.id)
    assert seen["failedReason"] == f"child {across.prefix}:{r}:{child.job.id} failed"
    assert await (await across.app.get(q, "None")).state() == "waiting-children"
    assert (await across.seen(q, "None"))["state"] == "waiting-children"
    expected = {
        "failParentOnFailure": {"processed": 1, "unprocessed": 0, "ignored": 0, "failed": 1},
        "continueParentOnFailure": {"processed": 1, "unprocessed": 0, "ignored": 1, "failed": 0},
        "ignoreDependencyOnFailure": {"processed": 1, "unprocessed": 0, "ignored": 1, "failed": 0},
        "removeDependencyOnFailure": {"processed": 1, "unprocessed": 0, "ignored": 0, "failed": 0},
        "None": {"processed": 1, "unprocessed": 1, "ignored": 0, "failed": 0},
    }
    assert {job_id: await across.node("ask", q, job_id, "getDependenciesCount") for job_id in ids} == expected


async def children(across: Across, queue: str, job_id: str) -> list[Branch]:
    return await (await across.app.get(queue, job_id)).children()


@pytest.mark.parametrize("retried_by", SIDES)
@pytest.mark.parametrize("by", SIDES)
async def test_a_parent_that_waits_for_a_failed_child_goes_on_when_that_is_retried(
    across: Across, by: Side, retried_by: Side
) -> None:
    q, r = across.queue(), across.queue()
    leaf = job("luck", r, failures=1, opts={"jobId": "leaf"})
    await across.add(by, job("sum", q, leaf, opts={"jobId": "root"}))
    async with across.working(other(retried_by), r):
        await across.ended(r, "leaf")
    if retried_by == "node":
        await across.node("retry", r, "leaf")
    else:
        await (await across.app.get(r, "leaf")).update({"failures": 0})
        await (await across.app.get(r, "leaf")).retry()
    async with across.working(retried_by, r), across.working(other(retried_by), q):
        (record,) = await across.ended(q, "root")
    assert json.loads(record.result or "")["values"] == [2 if retried_by == "node" else 1]


@pytest.mark.parametrize("by", SIDES)
@pytest.mark.parametrize("root_by", SIDES)
async def test_three_levels_in_three_queues_are_worked_by_turns(across: Across, by: Side, root_by: Side) -> None:
    q, r, s = (across.queue() for _ in range(3))
    mids = [
        job("sum", r, job("give", s, value=n, opts={"jobId": f"leaf{n}"}), opts={"jobId": f"mid{n}", "priority": n})
        for n in (1, 2)
    ]
    await across.add(by, job("tell", q, *mids, lines=["up"], opts={"jobId": "root", "delay": 50}))
    expected = ["tell", "root", [["sum", f"mid{n}", [["give", f"leaf{n}", []]]] for n in (1, 2)]]
    assert await across.node("tree", q, "root") == expected
    assert await named(across, q, "root") == expected
    async with across.working(root_by, q, s), across.working(other(root_by), r):
        (root,) = await across.ended(q, "root")
    nodes = await children(across, q, "root")
    assert [json.loads(node.value or "") for node in nodes] == [{"values": [n], "ignored": []} for n in (1, 2)]
    found = await across.node("ask", q, "root", "getChildrenValues")
    assert found == {f"{across.prefix}:{r}:mid{n}": {"values": [n], "ignored": []} for n in (1, 2)}
    assert (root.state, root.children) == ("completed", 2)


async def named(across: Across, queue: str, job_id: str) -> list[Any]:
    """The tree as we read it, in Node's form."""
    nodes = (await across.app.tree(await across.app.get(queue, job_id))).nodes
    found: dict[Any, list[Any]] = {node.job: [node.name, node.job.id, []] for node in nodes}
    for node in nodes[1:]:
        found[node.parent][2].append(found[node.job])
    return found[nodes[0].job]


@pytest.mark.parametrize("by", SIDES)
@pytest.mark.parametrize("leaf_by", SIDES)
async def test_a_failure_goes_up_three_levels(across: Across, by: Side, leaf_by: Side) -> None:
    q, r, s = (across.queue() for _ in range(3))
    leaf = job("fail", s, reason="no", opts={"failParentOnFailure": True, "jobId": "leaf"})
    mid = job("sum", r, leaf, opts={"failParentOnFailure": True, "jobId": "mid"})
    await across.add(by, job("sum", q, mid, job("give", s, value=1), opts={"jobId": "root"}))
    async with across.working(leaf_by, s, q), across.working(other(leaf_by), r):
        (root,) = await across.ended(q, "root")
        (middle,) = await across.ended(r, "mid")
    assert [record.failure and record.failure.reason for record in (root, middle)] == [
        f"child {r}/mid failed", f"child {s}/leaf failed",
    ]  # fmt: skip
    assert (await across.seen(q, "root"))["failedReason"] == f"child {across.prefix}:{r}:mid failed"


@pytest.mark.parametrize("worked_by", ["both"])
@pytest.mark.parametrize("by", SIDES)
async def test_flows_within_one_queue_that_both_work(across: Across, by: Side, worked_by: Side) -> None:
    q = across.queue()
    trees = [
        job("sum", q, *(job("give", q, value=value) for value in range(5)), opts={"jobId": f"f{number}"})
        for number in range(30)
    ]
    async with across.working(worked_by, q, concurrency=3):
        ids = await across.add(by, *trees)
        records = await across.ended(q, *ids)
    assert [json.loads(record.result or "")["values"] for record in records] == [list(range(5))] * 30
    assert {record.attempts_started for record in records} == {1}


@pytest.mark.parametrize("parent_by", SIDES)
async def test_a_job_adds_children_that_the_other_side_runs(across: Across, parent_by: Side) -> None:
    q, r = across.queue(), across.queue()
    (job_id,) = await across.add(other(parent_by), job("grow", q, queue=r, opts={"jobId": "g"}))
    async with across.working(parent_by, q), across.working(other(parent_by), r):
        (record,) = await across.ended(q, job_id)
    assert json.loads(record.result or "") == {"values": [1, 2], "ignored": []}
    assert (record.attempts_made, record.children) == (1, 2)
    assert record.attempts_started in (1, 2)  # one, if the children had ended before it wanted to wait for them
    seen = await across.seen(q, job_id)
    assert (seen["attemptsMade"], seen["attemptsStarted"]) == (1, record.attempts_started)


@pytest.mark.parametrize("by", SIDES)
async def test_a_child_that_is_removed_by_one_side_frees_a_parent_of_the_other(across: Across, by: Side) -> None:
    q, r = across.queue(), across.queue()
    await across.add(by, job("sum", q, job("give", r, value=1, opts={"jobId": "c"}), opts={"jobId": "p"}))
    if by == "ours":
        await across.node("hand", r, "c", "remove")
    else:
        await (await across.app.get(r, "c")).remove()
    async with across.working("both", q):
        (record,) = await across.ended(q, "p")
    assert json.loads(record.result or "") == {"values": [], "ignored": []}


@pytest.mark.parametrize("by", SIDES)
@pytest.mark.parametrize("worked_by", SIDES)
async def test_children_that_are_not_kept_leave_their_parent_free(across: Across, by: Side, worked_by: Side) -> None:
    q, r = across.queue(), across.queue()
    completed = job("give", r, value=1, opts={"removeOnComplete": True})
    failed = job("fail", r, reason="no", opts={"removeOnFail": True})
    await across.add(by, job("sum", q, completed, failed, opts={"jobId": "p"}))
    async with across.working(worked_by, r), across.working(other(worked_by), q):
        (record,) = await across.ended(q, "p")
    assert json.loads(record.result or "") == {"values": [1], "ignored": []}
    await across.finished(r)


@pytest.mark.parametrize("repaired_by", SIDES)
@pytest.mark.parametrize("by", SIDES)
async def test_a_flow_that_failed_is_repaired_by_either_side(across: Across, by: Side, repaired_by: Side) -> None:
    q, r = across.queue(), across.queue()
    leaf = job("luck", r, failures=1, opts={"jobId": "leaf", "failParentOnFailure": True})
    await across.add(by, job("sum", q, leaf, job("give", r, value=7), opts={"jobId": "root"}))
    async with across.working("both", q, r):
        (root,) = await across.ended(q, "root")
    assert root.state == "failed"
    ours = await across.app.get(q, "root")
    await (await across.app.get(r, "leaf")).update({"failures": 0})
    if repaired_by == "ours":
        await ours.retry(children=True)
    else:
        await across.node("retry", r, "leaf")
    async with across.working(other(repaired_by), q, r):
        await across.ended(r, "leaf")
        if repaired_by == "node":
            await across.node("retry", q, "root")
        (root,) = await across.ended(q, "root")
    made = 1 if repaired_by == "ours" else 2  # Node counts on
    assert (root.state, json.loads(root.result or "")) == ("completed", {"values": [made, 7], "ignored": []})


async def test_a_running_parent_of_nodes_cannot_complete_before_a_child_that_we_gave_it(across: Across) -> None:
    q, r = across.queue(), across.queue()
    (job_id,) = await across.add("node", job("give", q, value=1))
    await across.node("take", q, "token", 60_000)
    ours = await across.app.get(q, job_id)
    await ours.add_child(call(across.app, r, "fail", reason="no"), if_failed="fail_parent")
    with pytest.raises(NodeError, match="pending dependencies"):
        await across.node("complete", q, job_id, "token")
    async with across.working("ours", r):
        await across.finished(r, failed=1)
    assert (await across.seen(q, job_id))["deferredFailure"] == f"child {across.prefix}:{r}:1 failed"
    with pytest.raises(NodeError, match="failed child"):
        await across.node("complete", q, job_id, "token")


@pytest.mark.parametrize("is_done", [True, False])
async def test_node_makes_a_child_of_a_job_of_ours_that_is_there(across: Across, is_done: bool) -> None:
    q, r = across.queue(), across.queue()
    await across.add("ours", job("give", r, value=5, opts={"jobId": "c"}))
    if is_done:
        async with across.working("ours", r):
            await across.ended(r, "c")
    await across.add("node", job("sum", q, job("give", r, value=6, opts={"jobId": "c"}), opts={"jobId": "p"}))
    (child,) = await children(across, q, "p")
    assert (child.job.id, child.is_pending, child.value) == ("c", not is_done, "5" if is_done else None)
    async with across.working("ours", q, r):
        (record,) = await across.ended(q, "p")
    assert json.loads(record.result or "") == {"values": [5], "ignored": []}
    assert (await (await across.app.get(r, "c")).refresh()).parent is not None


@pytest.mark.parametrize("removed_by", SIDES)
@pytest.mark.parametrize("by", SIDES)
async def test_a_flow_of_either_side_is_removed_whole_by_the_other(across: Across, by: Side, removed_by: Side) -> None:
    q, r = across.queue(), across.queue()
    mid = job("sum", r, job("give", r, value=1), job("give", q, value=2))
    await across.add(by, job("sum", q, mid, job("fail", r, reason="no"), opts={"jobId": "p"}))
    async with across.working("both", r):
        await across.finished(r, completed=1, failed=1, waiting_children=1)
    if removed_by == "ours":
        await (await across.app.get(q, "p")).remove(children=True)
    else:
        await across.node("hand", q, "p", "remove")
    for queue in (q, r):
        await across.finished(queue)
    left = [key for queue in (q, r) for key in across.keys.keys(f"{across.prefix}:{queue}:*")]
    assert {key.rpartition(":")[2] for key in left} <= {"id", "meta", "events", "marker", "stalled-check"}
