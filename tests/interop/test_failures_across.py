"""Failures that one side makes and the other reads, or goes on with."""

import json
from typing import Any

import pytest

from headrace.core.results import JobFailed
from tests.interop.across import SIDES, Across, Side, job, other

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATE_MS = 10_000  # how much later than it may an attempt begins on a busy machine
BACKOFFS: list[tuple[dict[str, Any], list[int]]] = [
    ({"type": "fixed", "delay": 60}, [60, 60, 60]),
    ({"type": "exponential", "delay": 30}, [30, 60, 120]),
    ({"type": "exponential", "delay": 80, "jitter": 0.5}, [80, 160, 320]),
]


@pytest.mark.parametrize("worked_by", [*SIDES, "both"])
@pytest.mark.parametrize("by", SIDES)
async def test_attempts_are_counted_and_delayed_alike(across: Across, by: Side, worked_by: Side) -> None:
    q = across.queue()
    tree = [job("luck", q, failures=3, opts={"attempts": 4, "backoff": backoff}) for backoff, _ in BACKOFFS]
    ids = await across.add(by, *tree)
    async with across.working(worked_by, q):
        records = await across.ended(q, *ids)
    for record, (backoff, pauses) in zip(records, BACKOFFS, strict=True):
        seen = await across.seen(q, record.id)
        assert (record.state, record.result, record.attempts_made, record.attempts_started) == ("completed", "4", 4, 4)
        assert (seen["returnvalue"], seen["attemptsMade"], seen["attemptsStarted"]) == (4, 4, 4)
        assert (seen["failedReason"], len(seen["stacktrace"]), len(record.failures)) == ("no luck", 3, 3)
        starts = list(map(int, await (await across.app.get(q, record.id)).logs()))
        told = [event for event in across.events(q, "delayed") if event["jobId"] == record.id]
        planned = [int(event["delay"]) - int(event["at"]) for event in told]
        shortest = 1 - backoff.get("jitter", 0)
        for before, after, plan, pause in zip(starts[:-1], starts[1:], planned, pauses, strict=True):
            assert pause * shortest - 5 <= after - before < pause + LATE_MS
            assert plan <= pause
            assert plan >= pause * shortest - 1 or worked_by != "ours"  # Node reads its clock before the server's


@pytest.mark.parametrize("first", SIDES)
async def test_attempts_that_failed_under_both_are_told_in_their_order(across: Across, first: Side) -> None:
    q = across.queue()
    pause = {"type": "fixed", "delay": 60_000}  # a worker is stopped in it
    (job_id,) = await across.add("node", job("fail", q, opts={"attempts": 4, "backoff": pause}, reason="0"))
    ours = await across.app.get(q, job_id)
    sides: list[Side] = [first, other(first), first, other(first)]
    for attempt, side in enumerate(sides, 1):
        await ours.update({"reason": f"{attempt} by {side}"})
        async with across.working(side, q):
            await across.finished(q, **({"delayed": 1} if attempt < len(sides) else {"failed": 1}))
        if attempt < len(sides):
            await ours.promote()
    record = await ours.refresh()
    for failure, trace, attempt, side in zip(
        record.failures, (await across.seen(q, job_id))["stacktrace"], range(1, 5), sides, strict=True
    ):
        assert f"{attempt} by {side}" in failure.reason
        assert f"{attempt} by {side}" in trace
        assert failure.attempt == (attempt if side == "ours" else 0)
    assert record.failure is not None
    assert record.failure.reason == f"4 by {sides[-1]}"


@pytest.mark.parametrize("first", SIDES)
async def test_an_attempt_of_one_side_is_followed_by_one_of_the_other(across: Across, first: Side) -> None:
    q = across.queue()
    pause = {"type": "fixed", "delay": 60_000}  # a worker is stopped in it
    (job_id,) = await across.add(first, job("luck", q, failures=1, opts={"attempts": 2, "backoff": pause}))
    async with across.working(first, q):
        await across.finished(q, delayed=1)
    async with across.working(other(first), q):
        await (await across.app.get(q, job_id)).promote()
        (record,) = await across.ended(q, job_id)
    assert (record.state, record.attempts_made, len(record.failures)) == ("completed", 2, 1)


@pytest.mark.parametrize("worked_by", SIDES)
@pytest.mark.parametrize(("name", "attempts", "made"), [("fail", 2, 2), ("final", 5, 1)])
async def test_a_final_failure_is_read_by_both(
    across: Across, worked_by: Side, name: str, attempts: int, made: int
) -> None:
    q = across.queue()
    (job_id,) = await across.add(other(worked_by), job(name, q, reason='no "ü"', opts={"attempts": attempts}))
    async with across.working(worked_by, q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    cause = "unrecoverable" if name == "final" else "error"
    assert (record.state, record.failure.reason, record.failure.cause) == ("failed", 'no "ü"', cause)
    assert (record.attempts_made, record.failure.attempt, record.failure.at) == (made, made, record.finished_at)
    known = range(1, made + 1) if worked_by == "ours" else [0] * made  # Node numbers none
    assert [failure.attempt for failure in record.failures] == [*known]
    seen = await across.seen(q, job_id)
    assert (seen["state"], seen["failedReason"], seen["attemptsMade"]) == ("failed", 'no "ü"', made)
    assert len(seen["stacktrace"]) == made
    assert all('no "ü"' in trace for trace in seen["stacktrace"])
    told = across.events(q, "failed")
    assert [event["failedReason"] for event in told] == ['no "ü"']
    assert len(across.events(q, "retries-exhausted")) == (1 if name == "fail" else 0)
    with pytest.raises(JobFailed, match='no "ü"'):
        await (await across.app.get(q, job_id)).result(timeout=0)


@pytest.mark.parametrize("retried_by", SIDES)
@pytest.mark.parametrize("failed_by", SIDES)
async def test_what_failed_under_one_side_is_retried_by_hand_and_run_by_the_other(
    across: Across, failed_by: Side, retried_by: Side
) -> None:
    q = across.queue()
    (job_id,) = await across.add("node", job("luck", q, failures=1))
    async with across.working(failed_by, q):
        await across.ended(q, job_id)
    ours = await across.app.get(q, job_id)
    assert await ours.state() == "failed"
    if retried_by == "node":
        await across.node("retry", q, job_id)
    else:
        await ours.update({"failures": 0})  # it has all its attempts anew
        await ours.retry()
    async with across.working(other(failed_by), q):
        (record,) = await across.ended(q, job_id)
    assert (record.state, record.failure, record.attempts_started) == ("completed", None, 2)
    assert (await across.seen(q, job_id))["returnvalue"] == json.loads(record.result or "")


@pytest.mark.parametrize("set_by", SIDES)
async def test_a_failure_that_one_side_deferred_is_recorded_by_the_other(across: Across, set_by: Side) -> None:
    q, r = across.queue(), across.queue()
    leaf = job("fail", r, reason="no", opts={"failParentOnFailure": True, "jobId": "leaf"})
    (job_id,) = await across.add(other(set_by), job("sum", q, leaf, opts={"jobId": "root"}))
    async with across.working(set_by, r):
        await across.ended(r, "leaf")
    reason = f"child {across.prefix}:{r}:leaf failed"
    seen = await across.seen(q, job_id)
    assert (seen["state"], seen["deferredFailure"]) == ("waiting", reason)
    waiting = await (await across.app.get(q, job_id)).refresh()
    assert waiting.failure is not None
    assert (waiting.failure.reason, waiting.failure.cause) == (f"child {r}/leaf failed", "child-failed")
    async with across.working(other(set_by), q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    assert (record.state, record.attempts_made, record.attempts_started) == ("failed", 1, 1)
    assert (record.failure.reason, record.failure.cause) == (f"child {r}/leaf failed", "child-failed")
    seen = await across.seen(q, job_id)
    assert (seen["failedReason"], seen.get("deferredFailure")) == (reason, None)
    assert across.keys.hget(f"{across.prefix}:{q}:{job_id}", "defa") is None


@pytest.mark.parametrize("first", SIDES)
async def test_what_one_side_puts_off_the_other_promotes_and_runs(across: Across, first: Side) -> None:
    q = across.queue()
    (job_id,) = await across.add(other(first), job("later", q))
    async with across.working(first, q):
        await across.finished(q, delayed=1)
    seen, ours = await across.seen(q, job_id), await across.app.get(q, job_id)
    assert (seen["delay"], seen["attemptsMade"], seen["attemptsStarted"]) == (
        pytest.approx(3_600_000, abs=LATE_MS),
        0,
        1,
    )
    due_at = (await ours.refresh()).due_at
    assert due_at is not None
    assert abs(due_at - seen["processedOn"] - 3_600_000) < LATE_MS
    if first == "ours":
        await across.node("hand", q, job_id, "promote")
    else:
        await ours.promote()
    async with across.working(other(first), q):
        (record,) = await across.ended(q, job_id)
    assert (record.result, record.attempts_made, record.attempts_started) == ("0", 1, 2)


async def test_a_job_that_node_completes_though_we_asked_to_cancel_it_is_completed(across: Across) -> None:
    q = across.queue()
    await across.add("node", job("give", q, value=1))
    job_id = await across.node("take", q, "token", 60_000)
    ours = await across.app.get(q, job_id)
    assert not await ours.cancel("not wanted")
    asked = await ours.refresh()
    assert asked.is_cancel_requested
    await across.node("complete", q, job_id, "token")
    record = await ours.refresh()
    assert (record.state, record.failure, record.result) == ("completed", None, '"late"')


async def test_a_job_that_we_asked_to_cancel_is_failed_by_nodes_next_worker(across: Across) -> None:
    q = across.queue()
    await across.add("node", job("give", q, value=1))
    job_id = await across.node("take", q, "token", 60_000)
    ours = await across.app.get(q, job_id)
    await ours.cancel("not wanted")
    await across.node("put_back", q, job_id, "token")
    async with across.working("node", q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    assert (record.state, record.failure.reason, record.failure.cause) == ("failed", "not wanted", "cancelled")
    assert (await across.seen(q, job_id))["failedReason"] == "not wanted"


@pytest.mark.parametrize("data", [None, [], "text", 7, {}, {"values": 1}, {"value": {}}])
async def test_data_of_nodes_that_do_not_fit_a_task_fail_the_job_with_a_reason(across: Across, data: Any) -> None:
    q = across.queue()
    (job_id,) = await across.node("add", q, [["double", data, {"attempts": 3}]])

    async def double(value: int) -> int:
        return 2 * value

    across.app.task(queue=q)(double)
    async with across.app.worker(q):
        (record,) = await across.ended(q, job_id)
    assert record.failure is not None
    assert (record.state, record.failure.cause, record.attempts_made) == ("failed", "invalid-data", 1)
    assert "double" in (await across.seen(q, job_id))["failedReason"]


async def test_jobs_of_names_that_we_do_not_know_are_left_to_node(across: Across) -> None:
    q = across.queue()
    theirs = await across.node("add", q, [["theirs", {}, {}]] * 3)
    ours = await across.add("node", job("give", q, value=1), job("give", q, value=2))
    async with across.working("ours", q):
        await across.ended(q, *ours)
        await across.finished(q, completed=2, waiting=3)
        async with across.working("node", q):
            records = await across.ended(q, *theirs)
    assert [(record.state, record.attempts_started) for record in records] == [("completed", 1)] * 3
