"""What Node's workers and producers go past, row by row of docs/guarantees.md."""

import asyncio
import time
from typing import Any

import pytest

from headrace.core.commands import Lines
from tests.conformance.desk import Desk, child, failed, new, parent, ref
from tests.interop.across import soon
from tests.interop.node import Node, NodeError

SHORT_MS = 50
HOUR_MS = 3_600_000
WAIT_MS = 8_000


async def test_a_run_in_node_that_lost_its_job_may_still_say_something_and_does_not_end_it(
    node: Node, desk: Desk
) -> None:
    (job,) = await desk.add(new())
    assert await node("take", "q", "theirs", SHORT_MS) == "1"
    await soon(lambda: _is_back(desk))
    lease = await desk.claim_one()
    await node("held", "q", "1", "updateProgress", 7)
    await node("held", "q", "1", "log", "late")
    await node("held", "q", "1", "updateData", {"late": True})
    with pytest.raises(NodeError, match="Lock mismatch"):
        await node("complete", "q", "1", "theirs")
    record = await desk.record(job)
    assert (record.state, record.progress, record.data) == ("active", "7", '{"late":true}')
    assert (await desk.run(Lines(job))).lines == ("late",)
    assert await desk.settle(failed(lease, is_retryable=False)) == (None,)


async def _is_back(desk: Desk) -> bool:
    await desk.recover()
    return (await desk.counts()).get("waiting") == 1


async def test_the_count_of_the_worker_in_node_decides_for_jobs_that_it_gives_back(node: Node, desk: Desk) -> None:
    (job,) = await desk.add(new(max_stalled=5))
    await desk.claim_one(lease_ms=SHORT_MS)
    await node("scan", "q", 0)

    async def is_to_fail() -> Any:
        return (await desk.record(job)).failure

    failure = await soon(is_to_fail)
    assert (failure.cause, (await desk.record(job)).stalls) == ("stalled", 1)


async def test_node_stamps_what_it_adds_by_its_own_clock(node: Node, desk: Desk) -> None:
    early = round(time.time() * 1000) - 2 * HOUR_MS
    await node("add", "q", [["slow", {}, {"jobId": "slow", "timestamp": early, "delay": HOUR_MS}]])
    assert (await desk.record(ref("slow"))).added_at == early
    async with asyncio.timeout(5):
        assert (await desk.claim_one()).id == "slow", "its hour is over by the clock of the server"


async def test_an_add_by_node_that_is_repeated_is_another_job(node: Node, desk: Desk) -> None:
    assert await node("add", "q", [["task", {}, {}]] * 2) == ["1", "2"]
    await node("add", "q", [["task", {}, {"jobId": "one"}]] * 2)
    assert await desk.counts() == {"waiting": 3}


async def test_a_child_that_fails_in_node_calls_off_no_sibling(node: Node, desk: Desk) -> None:
    await desk.add(
        parent("p", siblings="cancel"), child("p", name="fail", queue="r", id="a"), child("p", queue="s", id="b")
    )
    await node("work", "r", {})
    assert await node("ended", 1, WAIT_MS) == [["r", "a", "failed"]]
    await desk.recover()
    assert await desk.state(ref("b", "s")) == "waiting"
