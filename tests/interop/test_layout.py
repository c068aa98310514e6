"""The same steps, done by BullMQ in one queue and by us in another, leave the same bytes; but for our own fields."""

import json
import re
from typing import Any

import pytest

from headrace.core.backoff import Exponential, Fixed
from headrace.core.jobs import Keep
from tests.conformance.desk import Desk, child, deferred, done, failed, new, parent
from tests.interop.node import Node

OURS = "hr"  # fields of ours begin so
JSON = {"opts", "parent", "data", "returnvalue"}
TIMES = {"timestamp", "processedOn", "finishedOn"}
INSTANT = re.compile(r"\b1[0-9]{12}\b")  # milliseconds since 1970, from 2001 to 2033
WAIT_MS = 8_000


@pytest.fixture(scope="module", params=["valkey_url", "redis7_url"])
def valkey_url(request: pytest.FixtureRequest) -> str:
    """Both servers, one after the other, instead of the one."""
    url: str = request.getfixturevalue(request.param)
    return url


def dump(keys: Any, prefix: str, *queues: str) -> dict[str, Any]:
    """Every key of some queues, without the queue's letter of the side, and without what time it was."""
    found: dict[str, Any] = {}
    for queue in queues:
        start = f"{prefix}:{queue}:"
        for key in keys.scan_iter(f"{start}*"):
            found[neutral(key, prefix)] = value(keys, key, prefix)
    return found


def neutral(text: str, prefix: str) -> str:
    return INSTANT.sub("<ms>", re.sub(rf"{prefix}:(theirs|ours)", "K", text))


def value(keys: Any, key: str, prefix: str) -> Any:
    match keys.type(key):
        case "string":
            return neutral(keys.get(key), prefix)
        case "list":
            return keys.lrange(key, 0, -1)
        case "set":
            return sorted(neutral(each, prefix) for each in keys.smembers(key))
        case "zset":
            return [
                (neutral(member, prefix), score(number)) for member, number in keys.zrange(key, 0, -1, withscores=True)
            ]
        case "stream":
            return [
                sorted((name, neutral(text, prefix)) for name, text in entry.items() if not name.startswith(OURS))
                for _, entry in keys.xrange(key)
            ]
        case _:
            fields = keys.hgetall(key)
            return {
                name: field(name, text, prefix) for name, text in sorted(fields.items()) if not name.startswith(OURS)
            }


def score(number: float) -> object:
    """An instant, or one times 4096, is not compared; that it is one and in which step of its millisecond, is."""
    if number > 1e15 and number % 1 == 0 and number / 4096 > 1e12:
        return f"<ms>*4096+{int(number) % 4096}"
    return "<ms>" if number > 1e12 else number


def field(name: str, text: str, prefix: str) -> object:
    if name in TIMES:
        return "<ms>" if INSTANT.fullmatch(text) else text
    if name == "stacktrace":
        return len(json.loads(text))
    return json.loads(neutral(text, prefix)) if name in JSON else neutral(text, prefix)


def without_versions(found: dict[str, Any]) -> dict[str, Any]:
    """BullMQ's Queue and FlowProducer write who they are into `meta`; we need not."""
    for key, each in found.items():
        if key.endswith(":meta"):
            each.pop("version", None)
            each.setdefault("opts.maxLenEvents", "10000")
    return found


async def test_added_jobs_are_the_same_bytes(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    await node("add", "theirs", [
        ["std", {"n": 1}, {"attempts": 3, "backoff": {"type": "exponential", "delay": 50, "jitter": 0.5}}],
        ["lifo", {}, {"lifo": True, "attempts": 1}],
        ["prio", {}, {"priority": 5, "attempts": 1}],
        ["prio", {}, {"priority": 5, "attempts": 1}],
        ["later", {}, {"delay": 100_000, "attempts": 2, "backoff": {"type": "fixed", "delay": 9}}],
        ["own", {}, {"jobId": "my-id", "attempts": 1, "removeOnComplete": True}],
        ["kept", {}, {"attempts": 1, "removeOnComplete": {"age": 60, "count": 10}, "removeOnFail": {"count": 5}}],
    ])  # fmt: skip
    for job in (
        new("std", data='{"n":1}', attempts=3, backoff=Exponential(50, 0.5)),
        new("lifo", lifo=True),
        new("prio", priority=5),
        new("prio", priority=5),
        new("later", delay_ms=100_000, attempts=2, backoff=Fixed(9)),
        new("own", id="my-id", keep_completed=Keep(0)),
        new("kept", keep_completed=Keep(10, 60_000), keep_failed=Keep(5)),
    ):
        await desk.add(type(job)("ours", *[getattr(job, name) for name in job.__struct_fields__[1:]]))
    theirs, ours = (without_versions(dump(keys, prefix, queue)) for queue in ("theirs", "ours"))
    assert ours == theirs


async def test_a_flow_is_the_same_bytes(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    flags = {
        "c2": {"failParentOnFailure": True},
        "c3": {"ignoreDependencyOnFailure": True},
        "c4": {"continueParentOnFailure": True},
        "c5": {"removeDependencyOnFailure": True},
    }
    leaves = [
        {
            "name": "c",
            "queueName": "theirs-c",
            "data": {},
            "opts": {"jobId": name, "attempts": 1, **flags.get(name, {})},
        }
        for name in ("c1", *flags)
    ]
    await node(
        "flow",
        {
            "name": "root",
            "queueName": "theirs",
            "data": {},
            "opts": {"jobId": "root", "attempts": 1},
            "children": leaves,
        },
    )
    policies = {"c1": "wait", "c2": "fail_parent", "c3": "ignore", "c4": "continue_parent", "c5": "drop"}
    await desk.add(
        new("root", queue="ours", id="root", has_children=True),
        *(
            child("root", of_queue="ours", queue="ours-c", name="c", id=name, policy=policy)
            for name, policy in policies.items()
        ),
    )
    theirs, ours = (without_versions(dump(keys, prefix, queue, f"{queue}-c")) for queue in ("theirs", "ours"))
    assert ours == theirs


@pytest.mark.parametrize("name", ["task", "fail"])
async def test_a_finished_job_is_the_same_bytes(node: Node, desk: Desk, keys: Any, prefix: str, name: str) -> None:
    await node("add", "theirs", [[name, {"reason": "no"}, {"attempts": 1}]])
    await node("work", "theirs", {})
    await node("ended", 1, WAIT_MS)
    await node("rest")
    await desk.add(new(name, queue="ours", data='{"reason":"no"}'))
    lease = await desk.claim_one("ours", worker="node")
    result = '{"data":{"reason":"no"},"made":0,"started":1}'
    await desk.settle(done(lease, result) if name == "task" else failed(lease, "no"))
    theirs, ours = (unhurried(without_versions(dump(keys, prefix, queue))) for queue in ("theirs", "ours"))
    assert ours == theirs


async def test_a_parent_that_its_child_failed_is_the_same_bytes(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    leaf = {
        "name": "fail", "queueName": "theirs-c", "data": {"reason": "no"},
        "opts": {"jobId": "c", "attempts": 1, "failParentOnFailure": True},
    }  # fmt: skip
    root = {"name": "root", "queueName": "theirs", "data": {}, "opts": {"jobId": "root", "attempts": 1}}
    await node("flow", {**root, "children": [leaf]})
    await node("work", "theirs-c", {})
    await node("ended", 1, WAIT_MS)
    await node("work", "theirs", {})
    await node("ended", 1, WAIT_MS)
    await node("rest")
    leaf_job = child("root", of_queue="ours", queue="ours-c", name="fail", id="c", data='{"reason":"no"}')
    await desk.add(parent("root", queue="ours"), leaf_job)
    await desk.settle(failed(await desk.claim_one("ours-c", worker="node"), "no"))
    await desk.settle(deferred(await desk.claim_one("ours", worker="node")))
    theirs, ours = (
        unhurried(without_versions(dump(keys, prefix, queue, f"{queue}-c"))) for queue in ("theirs", "ours")
    )
    theirs["K:root"].pop("stacktrace")  # Node counts the attempt that was not made; we do not
    assert ours == theirs


def unhurried(found: dict[str, Any]) -> dict[str, Any]:
    """Without what Node's worker leaves behind by polling: markers, and its scan for stalled jobs."""
    for key in [key for key in found if key.endswith((":marker", ":stalled-check", ":stalled"))]:
        del found[key]
    return found
