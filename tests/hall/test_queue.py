"""A queue by its name."""

from typing import Any

import pytest

import headrace
from headrace.core.jobs import Keep
from headrace.errors import InvalidName, InvalidOption, NoSuchJob, NoSuchQueue, NotSerialisable, QueueNotEmpty


@pytest.mark.parametrize("name", ["", "a:b", "a/b", " "])
async def test_a_queue_has_a_plain_name(app: headrace.App, name: str) -> None:
    with pytest.raises(InvalidName):
        app.queue(name)


async def test_jobs_of_any_name_and_data_can_be_added(app: headrace.App) -> None:
    queue = app.queue("q")
    for data, text in ((None, "{}"), ({}, "{}"), ([1], "[1]"), ("x", '"x"'), (0, "0"), (False, "false")):
        assert (await (await queue.add("any name: ☃", data)).refresh()).data == text
    with pytest.raises(InvalidName):
        await queue.add("a\nb")
    with pytest.raises(NotSerialisable, match="the data of 'x'"):
        await queue.add("x", object())
    with pytest.raises(InvalidOption, match="did you mean priority"):
        await queue.add("x", {}, prority=5)  # type: ignore[call-arg]


async def test_adding_is_short_for_a_call_with_options(app: headrace.App) -> None:
    queue = app.queue("q")
    one = await queue.add("x", {"a": 1}, priority=3, attempts=2)
    other = await app.enqueue(queue.call("x", {"a": 1}).options(priority=3, attempts=2))
    mine, theirs = await one.refresh(), await other.refresh()
    assert (mine.options, mine.priority, mine.data) == (theirs.options, theirs.priority, theirs.data)


async def test_a_paused_queue_keeps_its_jobs_until_it_is_resumed(app: headrace.App) -> None:
    @app.task(queue="q")
    def x() -> int:
        return 1

    queue = app.queue("q")
    await queue.pause()
    await queue.pause()
    job = await x.enqueue()
    await app.worker().run_until_idle()
    assert await job.state() == "waiting"
    (record,) = await app.queues()
    assert record.is_paused
    await queue.resume()
    await app.worker().run_until_idle()
    assert await job.result() == 1


async def test_counts_name_every_state(app: headrace.App) -> None:
    queue = app.queue("q")
    assert set(await queue.counts()) == set(headrace.core.jobs.STATES)
    assert sum((await queue.counts()).values()) == 0
    await queue.add("x")
    await queue.add("x", priority=1)
    await queue.add("x", delay=60)
    counts = await queue.counts()
    assert {state: count for state, count in counts.items() if count} == {
        "waiting": 1,
        "prioritized": 1,
        "delayed": 1,
    }


async def test_tallies_tell_what_finished_of_each_task(app: headrace.App) -> None:
    @app.task(queue="q")
    async def good() -> None: ...

    @app.task(queue="q")
    async def bad() -> None:
        raise headrace.Unrecoverable("no")

    await app.enqueue_many([good.call(), good.call(), bad.call()])
    await app.worker().run_until_idle()
    found = await app.queue("q").tallies(minutes=2)
    assert sum(tally.completed for tally in found.tallies if tally.name == "good") == 2
    assert sum(tally.failed for tally in found.tallies if tally.name == "bad") == 1
    assert sum(sum(tally.waits) for tally in found.tallies) == sum(sum(tally.runs) for tally in found.tallies) == 3
    assert (await app.queue("nowhere").tallies()).tallies == ()


@pytest.mark.parametrize("minutes", [0, 1_441])
async def test_tallies_are_kept_for_a_day(app: headrace.App, minutes: int) -> None:
    with pytest.raises(InvalidOption, match="between 1 and 1440"):
        await app.queue("q").tallies(minutes=minutes)


async def test_jobs_are_listed_page_by_page(app: headrace.App) -> None:
    queue = app.queue("q")
    jobs = await app.enqueue_many(queue.call("x", n) for n in range(5))
    first = await queue.jobs("waiting", limit=3)
    assert [job.data for job in first] == [0, 1, 2]
    assert len(first) == 3
    second = await queue.jobs("waiting", limit=3, after=first.cursor)
    assert list(second) == jobs[3:]
    assert second.cursor is None
    assert len(await queue.jobs("failed")) == 0


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        ({"query": "done"}, "'done' is neither a state nor this queue"),
        ({"query": "complete"}, "did you mean completed"),
        ({"query": "failed", "limit": 0}, "limit is 0"),
        ({"query": "failed", "limit": 1_001}, "between 1 and 1000"),
    ],
)
async def test_a_page_of_nothing_known_is_refused(app: headrace.App, ask: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        await app.queue("q").jobs(**ask)


async def test_a_listed_job_of_a_task_of_ours_has_its_type_of_result(app: headrace.App) -> None:
    @app.task(queue="q")
    def pair() -> tuple[int, str]:
        return (1, "a")

    job = await pair.enqueue()
    await app.worker().run_until_idle()
    (listed,) = await app.queue("q").jobs("completed")
    assert await listed.result() == (1, "a")
    assert await (await app.queue("q").get(job.id)).result() == (1, "a")
    with pytest.raises(NoSuchJob):
        await app.queue("q").get("nobody")


async def test_a_queue_is_forgotten_when_it_is_empty(app: headrace.App) -> None:
    queue = app.queue("q")
    with pytest.raises(NoSuchQueue):
        await queue.forget()
    job = await queue.add("x")
    with pytest.raises(QueueNotEmpty):
        await queue.forget()
    await job.remove()
    await queue.forget()
    assert await app.queues() == []


async def test_queues_are_listed_by_name(app: headrace.App) -> None:
    for name in ("b", "a", "c"):
        await app.queue(name).add("x")
    assert [(record.name, record.counts["waiting"]) for record in await app.queues()] == [("a", 1), ("b", 1), ("c", 1)]


async def test_what_stays_of_finished_jobs_can_be_said_of_one_queue(app: headrace.App) -> None:
    queue = app.queue("q")
    await queue.retain(completed=headrace.Keep(count=10, age=60), failed=headrace.Keep())
    (record,) = await app.queues()
    assert record.keep == {"completed": Keep(10, 60_000), "failed": Keep()}
    await queue.retain(failed="default")
    (record,) = await app.queues()
    assert record.keep == {"completed": Keep(10, 60_000)}


@pytest.mark.parametrize("wrong", [5, "forever", {"count": 5}])
async def test_a_retention_that_is_none_is_refused_before_anything_is_changed(app: headrace.App, wrong: Any) -> None:
    with pytest.raises(InvalidOption, match=r'use headrace.Keep\(count=…, age=…\), or "default"'):
        await app.queue("q").retain(completed=headrace.Keep(), failed=wrong)
    assert await app.queues() == []
