"""What Node's queues, jobs and flow producers answer of ours."""

import asyncio
from typing import Any, Final

import pytest

from headrace.core.commands import Configure
from headrace.core.jobs import State
from headrace.core.limits import Rate
from tests.conformance.desk import Desk, child, done, failed, new, parent, put_back
from tests.interop.node import Node

HOUR: Final = 3_600_000
WAIT_S: Final = 8
PLACES: Final = {  # the states in BullMQ's words, and who is there, as it comes next or came first
    "waiting": ["13", "11", "12"],
    "prioritized": ["8", "7"],
    "delayed": ["9", "10"],
    "active": ["6"],
    "completed": ["1", "2", "3"],
    "failed": ["4", "5"],
    "waiting-children": ["p"],
}
COUNTERS: Final = {
    "waiting": "getWaitingCount",
    "prioritized": "getPrioritizedCount",
    "delayed": "getDelayedCount",
    "active": "getActiveCount",
    "completed": "getCompletedCount",
    "failed": "getFailedCount",
    "waiting-children": "getWaitingChildrenCount",
}


async def everywhere(desk: Desk) -> None:
    """Jobs in every state. Each outcome has a millisecond of its own: BullMQ orders those of one by their ids."""
    await desk.add(*(new() for _ in range(6)))
    leases = await desk.claim(limit=6)
    for lease in leases[:3]:
        await desk.settle(done(lease, f'{{"n":{lease.id}}}'))
    for lease in leases[3:5]:
        await desk.settle(failed(lease, f"no {lease.id}"))
    await desk.add(new(priority=9), new(priority=2), new(delay_ms=HOUR), new(delay_ms=2 * HOUR))
    await desk.add(new(), new(), new(lifo=True))
    await desk.add(parent("p"), child("p", queue="r", id="c", policy="wait"))


async def ids(look: Node, *words: object) -> list[str]:
    return [job["id"] for job in await look("queue", "q", "getJobs", *words)]


async def test_counts(look: Node, desk: Desk) -> None:
    await everywhere(desk)
    counts = {state: len(jobs) for state, jobs in PLACES.items()}
    assert await look("queue", "q", "getJobCounts") == counts
    assert {state: await look("queue", "q", getter) for state, getter in COUNTERS.items()} == counts
    assert await look("queue", "q", "getCountsPerPriority", [0, 2, 5, 9]) == {"0": 3, "2": 1, "5": 0, "9": 1}
    assert await look("queue", "q", "count") == 3 + 2 + 2 + 1


async def test_jobs_of_every_state_in_ranges_both_ways(look: Node, desk: Desk) -> None:
    await everywhere(desk)
    for state, jobs in PLACES.items():
        assert await ids(look, [state], 0, -1, True) == jobs, state
        assert await ids(look, [state], 0, -1, False) == jobs[::-1], state
        assert await ids(look, [state], 1, 1, True) == jobs[1:2], state
        assert [await look("queue", "q", "getJobState", job_id) for job_id in jobs] == [state] * len(jobs)
    assert sorted(await ids(look, list(PLACES))) == sorted(job_id for jobs in PLACES.values() for job_id in jobs)
    assert await look("queue", "q", "getJobState", "no such") == "unknown"
    assert await look("queue", "q", "getJob", "no such") is None


async def test_a_job_with_all_that_is_known_of_it(look: Node, desk: Desk) -> None:
    (job,) = await desk.add(new("send", data='{"n":1}', priority=7, attempts=3, delay_ms=5))
    await desk.move("promote", job)
    first = await desk.claim_one(worker="ours")
    await desk.annotate(job, progress='{"done":0.5}', lines=("one", "two", "three"))
    await desk.settle(failed(first, "no"))
    await desk.settle(done(await desk.claim_one(worker="ours"), "[]"))
    found = await look("queue", "q", "getJob", job.id)
    record = await desk.record(job)
    told = ("name", "data", "progress", "priority", "attemptsMade", "attemptsStarted", "returnvalue", "processedBy")
    assert {name: found[name] for name in told} == {
        "name": "send", "data": {"n": 1}, "progress": {"done": 0.5}, "priority": 7, "attemptsMade": 2,
        "attemptsStarted": 2, "returnvalue": [], "processedBy": "ours",
    }  # fmt: skip
    assert (found["failedReason"], found["stacktrace"], found["opts"]["attempts"]) == ("no", ["no"], 3)
    assert (found["timestamp"], found["finishedOn"]) == (record.added_at, record.finished_at)
    assert await look("queue", "q", "getJobLogs", job.id) == {"logs": ["one", "two", "three"], "count": 3}
    assert await look("queue", "q", "getJobLogs", job.id, 0, 1, False) == {"logs": ["three", "two"], "count": 3}
    flags = ("isCompleted", "isFailed", "isActive", "isWaiting", "isDelayed", "isWaitingChildren")
    assert [await look("job", "q", job.id, flag) for flag in flags] == [True] + [False] * 5


async def test_pause_and_limits_of_the_queue(look: Node, desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True, concurrency=1, rate=Rate(2, HOUR)))
    assert await look("queue", "q", "isPaused") is True
    assert await look("queue", "q", "getGlobalConcurrency") == 1
    assert await look("queue", "q", "getGlobalRateLimit") == {"max": 2, "duration": HOUR}
    assert await look("queue", "q", "isMaxed") is False
    await desk.run(Configure("q", is_paused=False))
    await desk.add(new(), new(), new())
    lease = await desk.claim_one()
    assert await look("queue", "q", "isPaused") is False
    assert await look("queue", "q", "isMaxed") is True
    assert await look("queue", "q", "getRateLimitTtl") == 0, "one of two starts is left"
    await desk.settle(done(lease))
    await desk.claim_one()
    assert 0 < await look("queue", "q", "getRateLimitTtl") <= HOUR
    assert await desk.claim() == ()


async def test_a_rest_of_the_queue_is_a_rate_limit_to_node(look: Node, desk: Desk) -> None:
    await desk.add(new())
    await desk.settle(put_back(await desk.claim_one(), HOUR))
    assert 0 < await look("queue", "q", "getRateLimitTtl") <= HOUR
    await look("queue", "q", "removeRateLimitKey")
    assert (await desk.claim_one()).id == "1"


async def test_meta_and_version(look: Node, desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    assert keys.hgetall(f"{prefix}:q:meta") == {"opts.maxLenEvents": "10000"}
    assert await look("queue", "q", "getMeta") == {"maxLenEvents": 10_000, "paused": False}
    assert await look("queue", "q", "getVersion") == "bullmq:6.7.0"
    assert (await desk.finish()).id == "1", "what Node writes there does no harm"


async def test_dependencies_and_values_of_children(look: Node, desk: Desk, prefix: str) -> None:
    policies = {"ok": "fail_parent", "bad": "ignore", "open": "wait", "dead": "fail_parent"}
    children = [child("p", queue="r", id=name, policy=policy) for name, policy in policies.items()]
    await desk.add(parent("p"), *children)
    by_name = {lease.id: lease for lease in await desk.claim("r")}
    await desk.settle(done(by_name["ok"], '{"n":1}'))
    await desk.settle(failed(by_name["bad"], "boom"))
    key = {name: f"{prefix}:r:{name}" for name in policies}
    found = await look("job", "q", "p", "getDependencies")
    assert sorted(found.pop("unprocessed")) == sorted([key["open"], key["dead"]])
    assert found == {"processed": {key["ok"]: {"n": 1}}, "ignored": {key["bad"]: "boom"}, "failed": []}
    assert await look("job", "q", "p", "getDependenciesCount") == {
        "processed": 1, "unprocessed": 2, "ignored": 1, "failed": 0,
    }  # fmt: skip
    assert await look("job", "q", "p", "getChildrenValues") == {key["ok"]: {"n": 1}}
    assert await look("job", "q", "p", "getIgnoredChildrenFailures") == {key["bad"]: "boom"}
    await desk.settle(failed(by_name["dead"], "dead"))
    assert (await look("job", "q", "p", "getDependencies"))["failed"] == [key["dead"]]
    assert await look("job", "q", "p", "getDependenciesCount", {"failed": True}) == {"failed": 1}


async def test_the_tree_of_a_flow(look: Node, desk: Desk) -> None:
    middle = child("p", queue="r", id="m", has_children=True)
    await desk.add(parent("p"), middle, child("m", of_queue="r", queue="s", id="x"), child("p", queue="r", id="y"))
    await desk.finish("s", result="1")
    tree = await look("flow", "getFlow", {"id": "p", "queueName": "q"})

    def names(node: Any) -> Any:
        return node["job"]["id"], sorted(map(names, node["children"]))

    assert names(tree) == ("p", [("m", [("x", [])]), ("y", [])])
    middle_node = next(node for node in tree["children"] if node["job"]["id"] == "m")
    assert middle_node["children"][0]["job"]["returnvalue"] == 1


async def test_schedules_of_ours_are_no_job_schedulers(look: Node, desk: Desk) -> None:
    """They live outside what Node reads; it sees their jobs."""
    await desk.add(new())
    assert await look("queue", "q", "getJobSchedulers") == []
    assert await look("queue", "q", "getJobSchedulersCount") == 0


@pytest.mark.parametrize("state", ["completed", "failed"])
async def test_metrics_that_no_worker_of_nodes_keeps_are_not_kept(
    look: Node, desk: Desk, keys: Any, state: str
) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.settle(done(lease) if state == "completed" else failed(lease))
    assert await look("queue", "q", "getMetrics", state) == {
        "meta": {"count": 0, "prevTS": 0, "prevCount": 0}, "data": [], "count": 0,
    }  # fmt: skip
    assert not keys.keys("*:metrics:*")


@pytest.mark.parametrize("name", ["task", "fail"])
async def test_metrics_that_a_worker_of_nodes_keeps_count_our_jobs_as_its_own(
    look: Node, desk: Desk, keys: Any, prefix: str, name: str
) -> None:
    """The same jobs in two queues, by Node in one, by us in the other when it has begun; minutes pass between them."""
    state: State = "completed" if name == "task" else "failed"
    ended = 0
    for minutes, count in ((0, 2), (0, 1), (1, 3), (4, 2), (30, 1)):
        for queue in ("theirs", "ours"):
            if minutes:
                key = f"{prefix}:{queue}:metrics:{state}"
                keys.hset(key, "prevTS", int(keys.hget(key, "prevTS")) - minutes * 60_000)
            await desk.add(*(new(name, queue=queue) for _ in range(count)))
        by_node = ["theirs"] if ended else ["theirs", "ours"]
        for queue in by_node:
            await look("work", queue, {"metrics": {"maxDataPoints": 60}})
        ended += count
        async with asyncio.timeout(WAIT_S):
            while [len(await desk.ids(state, queue)) for queue in by_node] != [ended] * len(by_node):
                await asyncio.sleep(0.01)
        await look("rest")
        leases = await desk.claim("ours")
        await desk.settle(*(done(lease) if name == "task" else failed(lease) for lease in leases))
    theirs, ours = [await look("queue", queue, "getMetrics", state) for queue in ("theirs", "ours")]
    assert theirs["meta"]["count"] == 9
    assert [ours["meta"][word] for word in ("count", "prevCount")] == [
        theirs["meta"][word] for word in ("count", "prevCount")
    ]
    assert abs(ours["meta"]["prevTS"] - theirs["meta"]["prevTS"]) < 60_000
    assert ours["data"] == theirs["data"]
    assert sorted(ours["data"]) == [0] * 32 + [2, 3, 3]
