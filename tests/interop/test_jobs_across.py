"""Jobs that one side adds and the other works off, and jobs of a queue that both work."""

import json
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

import headrace
from tests.interop.across import SIDES, Across, Side, job, other, soon

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALUES: list[Any] = [
    {"a": [1, 2.5, None, {}], "b": []},
    None,
    "text ü \n \u2028",
    "",
    42,
    -0.5,
    True,
    [],
    {},
    9007199254740991,
]


@pytest.mark.parametrize("by", SIDES)
async def test_jobs_are_run_in_one_order_whoever_adds_and_whoever_works(across: Across, by: Side) -> None:
    q = across.queue()
    added = await across.add(
        by,
        job("give", q, value="plain"),
        job("give", q, value="second of its priority", opts={"priority": 5}),
        job("give", q, value="late", opts={"delay": 600}),
        job("give", q, value="first of its priority", opts={"priority": 1}),
        job("give", q, value="front", opts={"lifo": True}),
        job("give", q, value="own", opts={"jobId": "own"}),
        job("give", q, value="equal", opts={"priority": 5}),
    )
    plain, second, late, first, front, own, equal = added
    assert own == "own"
    async with across.working(other(by), q, concurrency=1):
        records = await across.ended(q, *added)
    started = [event["jobId"] for event in across.events(q, "active")]
    assert [job_id for job_id in started if job_id != late] == [front, plain, own, first, second, equal]
    delayed = records[2]
    assert delayed.started_at is not None
    assert 600 <= delayed.started_at - delayed.added_at < 20_000


@pytest.mark.parametrize("first", SIDES)
@pytest.mark.parametrize("then", SIDES)
async def test_a_job_of_an_id_that_is_there_is_not_added(across: Across, first: Side, then: Side) -> None:
    q = across.queue()
    assert await across.add(first, job("give", q, value=1, opts={"jobId": "a"})) == ["a"]
    assert await across.add(then, job("give", q, value=2, opts={"jobId": "a"})) == ["a"]
    async with across.working("both", q):
        (record,) = await across.ended(q, "a")
        assert await across.add(then, job("give", q, value=3, opts={"jobId": "a"})) == ["a"]
        await across.finished(q, completed=1)
    assert record.result == "1"
    assert len(across.events(q, "duplicated")) == 2
    assert len(across.events(q, "active")) == 1


@pytest.mark.parametrize("by", SIDES)
@pytest.mark.parametrize("worked_by", SIDES)
async def test_results_of_all_kinds_are_read_by_both(across: Across, by: Side, worked_by: Side) -> None:
    q = across.queue()
    ids = await across.add(by, *(job("give", q, value=value) for value in VALUES))
    async with across.working(worked_by, q):
        records = await across.ended(q, *ids)
    assert [json.loads(record.result or "") for record in records] == VALUES
    assert [json.loads(record.data)["value"] for record in records] == VALUES
    assert [await (await across.app.get(q, job_id)).result(timeout=0) for job_id in ids] == VALUES
    seen = [await across.seen(q, job_id) for job_id in ids]
    assert [(found["state"], found["returnvalue"]) for found in seen] == [("completed", value) for value in VALUES]
    assert [found["data"]["value"] for found in seen] == VALUES
    assert {(found["attemptsMade"], found["attemptsStarted"]) for found in seen} == {(1, 1)}
    for record, found in zip(records, seen, strict=True):
        times = (record.added_at, record.started_at, record.finished_at)
        assert times == (found["timestamp"], found["processedOn"], found["finishedOn"])


@pytest.mark.parametrize("worked_by", SIDES)
async def test_progress_and_lines_of_a_run_are_read_by_both(across: Across, worked_by: Side) -> None:
    q = across.queue()
    (job_id,) = await across.add(other(worked_by), job("tell", q, lines=["one", "two ü"]))
    async with across.working(worked_by, q):
        await across.ended(q, job_id)
    ours = await across.app.get(q, job_id)
    assert (await ours.progress(), await ours.logs()) == ({"done": 7}, ["one", "two ü"])
    assert (await across.seen(q, job_id))["progress"] == {"done": 7}
    assert await across.node("logs", q, job_id) == {"logs": ["one", "two ü"], "count": 2}
    assert [event["data"] for event in across.events(q, "progress")] == ["50", '{"done":7}']


@pytest.mark.parametrize("worked_by", SIDES)
async def test_of_the_lines_of_a_job_as_many_are_kept_as_node_asked_for(across: Across, worked_by: Side) -> None:
    q = across.queue()
    (job_id,) = await across.node("add", q, [["tell", {"lines": ["one", "two", "three"]}, {"keepLogs": 2}]])
    async with across.working(worked_by, q):
        await across.ended(q, job_id)
    assert await across.node("logs", q, job_id) == {"logs": ["two", "three"], "count": 2}
    assert await (await across.app.get(q, job_id)).logs() == ["two", "three"]


@pytest.mark.parametrize("worked_by", SIDES)
@pytest.mark.parametrize(("name", "state", "option"), [
    ("give", "completed", "removeOnComplete"), ("fail", "failed", "removeOnFail"),
])  # fmt: skip
async def test_finished_jobs_are_kept_as_either_side_asks(
    across: Across, worked_by: Side, name: str, state: str, option: str
) -> None:
    by = other(worked_by)
    data: dict[str, Any] = {"value": 1} if name == "give" else {"reason": "no"}
    by_count, by_age, at_once = across.queue(), across.queue(), across.queue()

    def jobs(queue: str, count: int, keep: Any) -> list[Any]:
        return [job(name, queue, opts={option: keep}, **data) for _ in range(count)]

    async with across.working(worked_by, by_count, by_age, at_once, concurrency=1):
        counted = await across.add(by, *jobs(by_count, 4, 2))
        old, older = await across.add(by, *jobs(by_age, 2, {"age": 60}))
        await across.add(by, *jobs(at_once, 2, True))
        await across.finished(by_count, **{state: 2})
        await across.finished(by_age, **{state: 2})
        await across.finished(at_once)
        then = (time.time() - 61) * 1000
        across.keys.zadd(f"{across.prefix}:{by_age}:{state}", {old: then, older: then - 1})
        (new,) = await across.add(by, *jobs(by_age, 1, {"age": 60, "count": 5}))
        await across.ended(by_age, new)
        await across.finished(by_age, **{state: 1})
    assert [await across.seen(by_count, job_id) is None for job_id in counted] == [True, True, False, False]
    assert across.keys.keys(f"{across.prefix}:{at_once}:[0-9]*") == []


async def test_a_queue_of_nodes_is_seen_once_a_worker_of_ours_serves_it(across: Across) -> None:
    worked, paused, empty = across.queue(), across.queue(), across.queue()
    await across.node("add", worked, [["give", {"value": 1}, {}]])
    await across.node("take", worked, "token", 60_000)  # nothing is left for us
    await across.node("pause", paused)

    async def found() -> bool:
        names = {queue.name for queue in await across.app.queues()}
        assert empty not in names
        return {worked, paused} <= names

    async with across.working("ours", worked, paused, empty):
        await soon(found)
    await across.node("rest")


async def test_a_queue_that_only_node_has_used_is_there_for_who_names_it(across: Across) -> None:
    q, r = across.queue(), across.queue()
    await across.add("node", job("sum", q, job("give", r, value=1, opts={"delay": 3_600_000, "jobId": "late"})))
    assert await across.app.queue(r).select("delayed").count() == 1
    assert (await across.app.queue(r).promote_all()).done == 1
    assert (await across.app.queue(r).stats()).counts["waiting"] == 1
    await across.app.queue(r).obliterate()
    assert await across.seen(r, "late") is None


async def test_two_apps_and_node_run_each_of_two_thousand_jobs_once(across: Across) -> None:
    q = across.queue()
    ran = list[int]()
    apps = [headrace.App(settings=headrace.Settings(url=across.url, prefix=across.prefix)) for _ in range(2)]

    async def note(value: int) -> int:
        ran.append(value)
        return value

    for app in apps:
        app.task(queue=q, name="give")(note)
    calls = [apps[0].tasks["give"].call(value=value) for value in range(1_000)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(across.working("node", q, concurrency=10))
        for app in apps:
            await stack.enter_async_context(app)
            await stack.enter_async_context(app.worker(q, concurrency=10))
        ids = [added.id for added in await apps[0].enqueue_many(calls)]
        for first in range(1_000, 2_000, 250):
            some = [["give", {"value": value}, {}] for value in range(first, first + 250)]
            ids += await across.node("addMany", q, some)
        await across.finished(q, completed=2_000)
    theirs = [job_id for queue, job_id, _ in await across.node("ended", 0, 0) if queue == q]
    assert len(ran) + len(theirs) == len(set(ids)) == 2_000
    assert len(set(ran)) == len(ran) > 0
    assert len(set(theirs)) == len(theirs) > 0
    started = [event["jobId"] for event in across.events(q, "active")]
    assert sorted(started) == sorted(ids)
