"""Node's BullMQ works off what we add, and we work off what it adds."""

import asyncio
import json
from typing import Any

import pytest

from headrace.core.backoff import Exponential, Fixed
from headrace.core.errors import LeaseLost
from headrace.core.jobs import JobRef, Keep, Options
from headrace.core.lifecycle import STALLED_REASON, child_failed
from tests.conformance.desk import Desk, awaits_children, child, deferred, done, failed, ids, later, new, parent, ref
from tests.interop.node import Node, NodeError

WAIT_MS = 8_000


async def states(node: Node, queue: str, *job_ids: str) -> list[str]:
    return [(await node("job", queue, job_id))["state"] for job_id in job_ids]


async def claimed_soon(desk: Desk, *queues: str, **fields: Any) -> Any:
    """One job, as soon as there is one."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while not (leases := await desk.claim(*queues, limit=1, **fields)):
            await asyncio.sleep(0.01)
    return leases[0]


async def test_node_runs_our_jobs_in_our_order(node: Node, desk: Desk) -> None:
    await desk.add(
        new(data='{"n": 1}'),
        new(priority=9),
        new(priority=1),
        new(delay_ms=500),
        new(lifo=True),
        new(id="custom"),
    )
    await node("work", "q", {})
    ended = await node("ended", 6, WAIT_MS)
    in_order = [job_id for _, job_id, _ in ended if job_id != "4"]  # it may be due when Node's worker starts
    assert in_order == ["5", "1", "custom", "3", "2"]
    record = await desk.record(ref("1"))
    assert (record.state, record.attempts_made, record.attempts_started) == ("completed", 1, 1)
    assert json.loads(record.result or "") == {"data": {"n": 1}, "made": 0, "started": 1}
    assert await node("counts", "q") == {
        "active": 0, "completed": 6, "delayed": 0, "failed": 0, "prioritized": 0, "waiting": 0,
        "waiting-children": 0,
    }  # fmt: skip


async def test_node_retries_our_job_by_our_options(node: Node, desk: Desk) -> None:
    await desk.add(new("fail", data='{"reason": "no luck"}', attempts=3, backoff=Fixed(20)))
    await node("work", "q", {})
    assert len(await node("ended", 3, WAIT_MS)) == 3
    record = await desk.record(ref("1"))
    assert (record.state, record.attempts_made) == ("failed", 3)
    assert record.failure is not None
    assert (record.failure.reason, record.failure.attempt, record.failure.at) == ("no luck", 3, record.finished_at)
    assert [failure.reason for failure in record.failures] == ["Error: no luck"] * 3


async def test_node_forgets_our_finished_jobs_as_we_ask(node: Node, desk: Desk) -> None:
    await desk.add(new(keep_completed=Keep(0)), new("fail", keep_failed=Keep(count=1)), new("fail"), new())
    await node("work", "q", {})
    await node("ended", 4, WAIT_MS)
    assert not await desk.exists(ref("1"))
    assert await states(node, "q", "2", "3", "4") == ["failed", "failed", "completed"]


async def test_node_releases_our_parent(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", id="c"), child("p", queue="r", id="d"))
    await node("work", "r", {})
    await node("work", "q", {})
    ended = await node("ended", 3, WAIT_MS)
    assert ended[-1] == ["q", "p", "completed"]
    record = await desk.record(ref("p"))
    assert (record.children_pending, record.children) == (0, 2)


async def test_a_child_that_node_fails_fails_our_parent(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", id="c", name="fail"))
    await node("work", "r", {})
    await node("ended", 1, WAIT_MS)
    lease = await claimed_soon(desk)
    assert lease.deferred == child_failed("r", "c")
    await desk.settle(deferred(lease))
    found = await node("job", "q", "p")
    assert (found["state"], found["failedReason"]) == ("failed", f"child {await key_of(node, 'r', 'c')} failed")


async def key_of(node: Node, queue: str, job_id: str) -> str:
    prefix = (await node("job", queue, job_id))["parentKey"].partition(":")[0]
    return f"{prefix}:{queue}:{job_id}"


async def test_a_child_that_we_fail_fails_the_parent_that_node_runs(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", id="c"), child("p", queue="r", id="d", policy="wait"))
    lease = await desk.claim_one("r")
    await desk.settle(failed(lease))
    await node("work", "q", {})
    assert await node("ended", 1, WAIT_MS) == [["q", "p", "failed"]]
    record = await desk.record(ref("p"))
    assert record.failure is not None
    assert (record.failure.reason, record.failure.cause) == ("child r/c failed", "child-failed")


async def test_we_run_the_jobs_of_node_in_its_order(node: Node, desk: Desk) -> None:
    await node("add", "q", [
        ["one", {"n": [1, 2.5, "ü"]}, {"attempts": 3, "backoff": {"type": "exponential", "delay": 90, "jitter": 0.5}}],
        ["two", None, {"priority": 9}],
        ["three", {}, {"priority": 1, "removeOnComplete": True, "removeOnFail": {"age": 60, "count": 5}}],
        ["four", {}, {"lifo": True, "backoff": 7, "removeOnComplete": 3, "removeOnFail": False}],
        ["five", {}, {"jobId": "custom", "backoff": {"type": "mine"}}],
    ])  # fmt: skip
    leases = await desk.claim()
    assert [lease.name for lease in leases] == ["four", "one", "five", "three", "two"]
    four, one, five, three, _ = leases
    assert json.loads(one.data) == {"n": [1, 2.5, "ü"]}
    assert one.options == Options(attempts=3, backoff=Exponential(90, 0.5))
    assert three.options == Options(keep_completed=Keep(0), keep_failed=Keep(5, 60_000))
    assert four.options == Options(backoff=Fixed(7), lifo=True, keep_completed=Keep(3), keep_failed=Keep())
    assert (five.id, five.attempts_started, three.priority) == ("custom", 1, 1)


async def test_node_reads_what_we_made_of_its_jobs(node: Node, desk: Desk) -> None:
    job_ids = await node("add", "q", [["a", {}, {}], ["b", {}, {}], ["c", {}, {"attempts": 2}], ["d", {}, {}]])
    a, b, c, d = await desk.claim(worker="ours")
    await desk.settle(done(a, '{"ok": [1]}'), failed(b, "boom"), failed(c, "again"), later(d, 60_000))
    assert await states(node, "q", *job_ids) == ["completed", "failed", "waiting", "delayed"]
    found = [await node("job", "q", job_id) for job_id in job_ids]
    assert (found[0]["returnvalue"], found[0]["attemptsMade"], found[0]["processedBy"]) == ({"ok": [1]}, 1, "ours")
    assert (found[1]["failedReason"], found[1]["stacktrace"]) == ("boom", ["boom"])
    assert (found[2]["failedReason"], found[2]["attemptsMade"], found[2]["attemptsStarted"]) == ("again", 1, 1)
    assert (found[3]["delay"], found[3]["attemptsMade"]) == (60_000, 0)


async def test_we_work_off_a_flow_of_node(node: Node, desk: Desk) -> None:
    leaves = [{"name": "leaf", "queueName": "r", "data": {"n": n}} for n in (1, 2)]
    root = await node("flow", {"name": "root", "queueName": "q", "children": leaves, "opts": {"jobId": "root"}})
    assert await desk.claim("q") == ()
    leases = await desk.claim("r")
    assert {lease.parent for lease in leases} == {JobRef("q", root)}
    await desk.settle(*(done(lease, '"leaf"') for lease in leases))
    lease = await desk.claim_one("q")
    await desk.settle(done(lease))
    assert (await node("job", "q", root))["state"] == "completed"


async def test_the_failure_policies_of_node_are_ours(node: Node, desk: Desk) -> None:
    flags = ("failParentOnFailure", "continueParentOnFailure", "ignoreDependencyOnFailure", "removeDependencyOnFailure")
    for flag in flags:
        leaf = {"name": "leaf", "queueName": f"r{flag}", "opts": {flag: True, "jobId": "leaf"}}
        await node("flow", {"name": "root", "queueName": "q", "children": [leaf], "opts": {"jobId": flag}})
        await desk.fail(f"r{flag}")
    leases = {lease.id: lease.deferred for lease in await desk.claim()}
    failure = leases.pop("failParentOnFailure")
    assert failure is not None
    assert failure.cause == "child-failed"
    assert leases == dict.fromkeys(flags[1:])


async def test_we_add_children_to_a_parent_that_node_works_off(node: Node, desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.settle(awaits_children(lease))
    await node("work", "r", {})
    await node("work", "q", {})
    assert [entry[0] for entry in await node("ended", 2, WAIT_MS)] == ["r", "q"]


async def test_a_job_that_we_lost_is_recovered_by_node(node: Node, desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one(lease_ms=100)
    await node("work", "q", {"stalledInterval": 150, "maxStalledCount": 1})
    assert await node("ended", 1, WAIT_MS) == [["q", "1", "completed"]]
    assert (await desk.record(ref("1"))).stalls == 1
    assert await desk.settle(done(lease)) == (LeaseLost(queue="q", id="1"),)


async def test_a_job_that_node_lost_is_recovered_by_us_at_once(node: Node, desk: Desk) -> None:
    await desk.add(new(max_stalled=0))
    await node("take", "q", "a token of node's", 100)
    assert await desk.recover() == ()  # Node's lock holds
    await asyncio.sleep(0.15)
    assert await desk.recover() == (ref("1"),)
    with pytest.raises(NodeError, match="lock"):
        await node("complete", "q", "1", "a token of node's")
    lease = await desk.claim_one()
    assert lease.deferred is not None
    assert (lease.deferred.reason, lease.deferred.cause) == (STALLED_REASON, "stalled")


async def test_node_and_we_share_one_queue_without_running_a_job_twice(node: Node, desk: Desk) -> None:
    await node("add", "q", [["theirs", {"n": n}, {}] for n in range(50)])
    await desk.add(*(new() for _ in range(50)))
    await node("work", "q", {"concurrency": 5})
    ours: list[str] = []
    while leases := await desk.claim(limit=3):
        ours += ids(leases)
        assert await desk.settle(*map(done, leases)) == (None,) * len(leases)
    theirs = [job_id for _, job_id, _ in await node("ended", 100 - len(ours), WAIT_MS)]
    assert sorted(ours + theirs, key=int) == [str(number) for number in range(1, 101)]


async def test_we_obey_a_pause_of_node(node: Node, desk: Desk) -> None:
    await desk.add(new())
    await node("pause", "q")
    assert await desk.claim() == ()
    await node("resume", "q")
    assert ids(await desk.claim()) == ["1"]


async def test_our_add_wakes_a_worker_of_node(node: Node, desk: Desk) -> None:
    await node("work", "q", {"drainDelay": 60})
    await asyncio.sleep(0.3)  # it sleeps at the marker now
    await desk.add(new())
    assert await node("ended", 1, 2_000) == [["q", "1", "completed"]]


async def test_what_node_retries_by_hand_comes_back_to_us(node: Node, desk: Desk) -> None:
    await desk.add(new())
    await desk.fail()
    await node("retry", "q", "1")
    record = await desk.record(ref("1"))
    assert (record.state, record.failure, len(record.failures)) == ("waiting", None, 1)
    assert (await desk.finish()).attempts_started == 2
