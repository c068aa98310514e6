"""Jobs whose worker is killed on one side, and which the other side gives back, runs, or fails."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import headrace
from headrace.core.lifecycle import STALLED_REASON
from tests.conformance.desk import Desk, ref
from tests.interop.across import SIDES, Across, Side, job, other, soon
from tests.interop.deeds import learn

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE_MS = 800  # of those that are killed
HEIR_LEASE_S = 4.0
SHORT_MS = 50
HOUR_MS = 3_600_000


async def die_with(across: Across, side: Side, queue: str, job_id: str, start: int = 1) -> None:
    """Let a worker of this side be killed in the run of this number."""
    ours = await across.app.get(queue, job_id)

    async def runs() -> bool:
        record = await ours.refresh()
        return (record.state, record.attempts_started) == ("active", start)

    async with across.victim(side, queue, LEASE_MS):
        await soon(runs)
    assert await ours.state() == "active"


@asynccontextmanager
async def heirs(across: Across, side: Side, queue: str) -> AsyncIterator[None]:
    """Workers of this side, or of both, that soon notice what stalled."""
    settings = headrace.Settings(url=across.url, prefix=across.prefix, lease=HEIR_LEASE_S)
    async with AsyncExitStack() as stack:
        if side != "ours":
            await stack.enter_async_context(across.working("node", queue, stalledInterval=LEASE_MS // 2))
        if side != "node":
            app = headrace.App(settings=settings)
            learn(app, queue)
            await stack.enter_async_context(app)
            await stack.enter_async_context(app.worker(queue))
        yield


@pytest.mark.parametrize("heir", [*SIDES, "both"])
@pytest.mark.parametrize("by", SIDES)
async def test_the_job_of_a_killed_worker_is_run_once_more(across: Across, by: Side, heir: Side) -> None:
    q = across.queue()
    killed = other(by)
    (job_id,) = await across.add(by, job("hang", q, until=2))
    await die_with(across, killed, q, job_id)
    async with heirs(across, heir, q):
        (record,) = await across.ended(q, job_id)
    assert (record.state, record.result, record.stalls) == ("completed", "2", 1)
    assert (record.attempts_made, record.attempts_started) == (1, 2)
    seen = await across.seen(q, job_id)
    assert (seen["stalledCounter"], seen["attemptsMade"], seen["attemptsStarted"]) == (1, 1, 2)
    assert [event["jobId"] for event in across.events(q, "stalled")] == [job_id]
    assert across.keys.smembers(f"{across.prefix}:{q}:stalled") == set()


async def test_what_node_lost_in_a_queue_that_only_node_has_used_is_given_back_by_us(across: Across) -> None:
    q = across.queue()
    (job_id,) = await across.add("node", job("hang", q, until=2))
    await die_with(across, "node", q, job_id)
    async with heirs(across, "ours", q):
        (record,) = await across.ended(q, job_id)
    assert (record.result, record.stalls) == ("2", 1)


@pytest.mark.parametrize("first", SIDES)
async def test_a_job_that_stalled_too_often_on_both_sides_fails(across: Across, first: Side) -> None:
    q = across.queue()
    (job_id,) = await across.add(first, job("hang", q, until=3))
    await die_with(across, first, q, job_id)
    await die_with(across, other(first), q, job_id, start=2)
    async with heirs(across, first, q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    assert (record.state, record.failure.reason, record.failure.cause) == ("failed", STALLED_REASON, "stalled")
    assert (record.stalls, record.attempts_made, record.attempts_started) == (2, 1, 3)
    seen = await across.seen(q, job_id)
    assert (seen["failedReason"], seen["stalledCounter"], seen["attemptsMade"]) == (STALLED_REASON, 2, 1)
    assert across.keys.hget(f"{across.prefix}:{q}:{job_id}", "defa") is None


async def stall(across: Across, side: Side, queue: str) -> None:
    """Let the next job be claimed by one side, and given back by it when the lease is over."""
    desk = Desk(across.app.storage)
    claimed = await desk.claim_one(queue, lease_ms=SHORT_MS)
    ours = await across.app.get(queue, claimed.id)

    async def is_back() -> bool:
        if side == "ours":
            await desk.recover()
        return await ours.state() == "waiting"

    if side == "node":
        await across.node("scan", queue, 0)
    await soon(is_back)
    await across.node("rest")


@pytest.mark.parametrize("deferred_by", SIDES)
async def test_a_failure_for_stalls_that_one_side_deferred_is_recorded_by_the_other(
    across: Across, deferred_by: Side
) -> None:
    q = across.queue()
    (job_id,) = await across.node("add", q, [["give", {"value": 1}, {"max_stalled": 0}]])
    await stall(across, deferred_by, q)
    seen = await across.seen(q, job_id)
    assert (seen["state"], seen["deferredFailure"], seen["stalledCounter"]) == ("waiting", STALLED_REASON, 1)
    waiting = await (await across.app.get(q, job_id)).refresh()
    assert waiting.failure is not None
    assert (waiting.failure.cause, waiting.stalls) == ("stalled", 1)
    async with across.working(other(deferred_by), q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    assert (record.failure.reason, record.failure.cause) == (STALLED_REASON, "stalled")
    assert (await across.seen(q, job_id))["failedReason"] == STALLED_REASON


@pytest.mark.parametrize("given_back_by", SIDES)
async def test_a_job_of_nodes_scheduler_does_not_fail_for_its_stalls(across: Across, given_back_by: Side) -> None:
    q, desk = across.queue(), Desk(across.app.storage)
    job_id = await across.node("schedule", q, "s", {"every": HOUR_MS}, {"name": "give", "data": {"value": 1}})
    for count in (1, 2, 3):
        await stall(across, given_back_by, q)
        record = await desk.record(ref(job_id, q))
        assert (record.stalls, record.failure) == (count, None)
    await across.node("unschedule", q, "s")
    await stall(across, given_back_by, q)
    failure = (await desk.record(ref(job_id, q))).failure
    assert failure is not None
    assert failure.reason == STALLED_REASON


async def test_a_killed_worker_of_ours_and_one_of_nodes_leave_no_job_behind(across: Across) -> None:
    q = across.queue()
    ids = await across.add("node", *(job("hang", q, until=2) for _ in range(3)))
    ids += await across.add("ours", *(job("give", q, value=value) for value in range(20)))
    hanging = [await across.app.get(q, job_id) for job_id in ids[:3]]

    async def all_run() -> bool:
        return {await each.state() for each in hanging} == {"active"}

    async with across.victim("ours", q, LEASE_MS), across.victim("node", q, LEASE_MS):
        await soon(all_run)
    async with heirs(across, "both", q):
        records = await across.ended(q, *ids)
    assert {record.state for record in records} == {"completed"}
    assert {record.stalls for record in records[:3]} == {1}
