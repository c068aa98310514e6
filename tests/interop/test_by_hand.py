"""What people do to jobs: BullMQ does it in one queue, we in another, and both leave the same bytes."""

from typing import Any

import pytest

from headrace.core.jobs import JobRef
from tests.conformance.desk import Desk, child, failed, new, parent, ref
from tests.interop.node import Node
from tests.interop.test_layout import dump, unhurried, without_versions

WAIT_MS = 8_000
OURS = JobRef("ours", "1")


async def both(keys: Any, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    theirs, ours = (unhurried(without_versions(dump(keys, prefix, queue))) for queue in ("theirs", "ours"))
    return theirs, ours


@pytest.mark.parametrize(
    ("first", "by_node", "by_us"),
    [
        ({"delay": 90_000}, ("promote",), ("promote", {})),
        ({"delay": 90_000, "priority": 3}, ("promote",), ("promote", {})),
        ({"delay": 90_000}, ("changeDelay", 5_000), ("delay", {"delay_ms": 5_000})),
        ({"priority": 3}, ("changePriority", {"priority": 7}), ("prioritise", {"priority": 7})),
        ({}, ("remove",), ("remove", {})),
        ({"delay": 90_000}, ("remove",), ("remove", {})),
        ({}, ("updateProgress", {"done": 1}), ("annotate", {"progress": '{"done":1}'})),
        ({}, ("updateData", {"n": 2}), ("annotate", {"data": '{"n":2}'})),
        ({}, ("log", "a line"), ("annotate", {"lines": ("a line",)})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_it_is_the_same_bytes(
    node: Node,
    desk: Desk,
    keys: Any,
    prefix: str,
    first: dict[str, int],
    by_node: tuple[Any, ...],
    by_us: tuple[Any, Any],
) -> None:
    await node("add", "theirs", [["task", {}, {**first, "attempts": 1}]])
    await desk.add(new(queue="ours", delay_ms=first.get("delay", 0), priority=first.get("priority", 0)))
    await node("hand", "theirs", "1", *by_node)
    match by_us:
        case ("remove", _):
            await desk.remove(OURS)
        case ("annotate", fields):
            await desk.annotate(OURS, **fields)
        case (action, fields):
            await desk.move(action, OURS, **fields)
    theirs, ours = await both(keys, prefix)
    assert ours == theirs


async def test_a_job_that_failed_under_node_and_is_retried_by_us_runs_under_node_again(node: Node, desk: Desk) -> None:
    await node("add", "q", [["fail", {"reason": "no"}, {"attempts": 1}]])
    await node("work", "q", {})
    assert (await node("ended", 1, WAIT_MS))[0][2] == "failed"
    await desk.move("retry", ref("1"))
    assert (await node("ended", 1, WAIT_MS))[0][2] == "failed"
    record = await desk.record(ref("1"))
    assert (record.attempts_made, record.attempts_started, len(record.failures)) == (1, 2, 2)


async def test_node_sees_a_cancelled_job_fail_and_its_parent_with_it(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="c"))
    await desk.move("cancel", ref("c"))
    found = await node("job", "q", "c")
    assert (found["state"], found["failedReason"]) == ("failed", "cancelled")
    await node("work", "q", {})
    assert await node("ended", 1, WAIT_MS) == [["q", "p", "failed"]]


async def test_a_parent_whose_last_child_we_remove_runs_under_node(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="c", queue="r"))
    await node("work", "q", {})
    await desk.remove(ref("c", "r"))
    assert await node("ended", 1, WAIT_MS) == [["q", "p", "completed"]]
    assert await node("job", "r", "c") is None


async def test_a_job_that_we_move_to_another_queue_is_run_there_by_node(node: Node, desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"n":1}'))
    await desk.annotate(job, lines=("one",))
    await desk.move("move", job, to="r")
    await node("work", "r", {})
    assert await node("ended", 1, WAIT_MS) == [["r", "1", "completed"]]
    assert await node("logs", "r", "1") == {"logs": ["one"], "count": 1}
    assert await node("job", "q", "1") is None


async def test_a_parent_that_is_retried_with_its_child_waits_for_node(node: Node, desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="c", queue="r"))
    await desk.settle(failed(await desk.claim_one("r")))
    await desk.fail()
    await desk.move("retry", ref("p"), with_children=True)
    assert await desk.state(ref("p")) == "waiting-children"
    await node("work", "r", {})
    await node("ended", 1, WAIT_MS)
    assert await desk.state(ref("p")) == "waiting"
