"""Batch tasks: who runs together, and what becomes of each."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

import headrace
from headrace.errors import InvalidData, InvalidOption, JobFailed, Misuse


async def reasons(jobs: list[headrace.Job[Any]]) -> list[str]:
    records = [await job.refresh() for job in jobs]
    return [record.failure.reason if record.failure else record.state for record in records]


async def test_jobs_added_one_by_one_run_together_each_with_its_result(app: headrace.App) -> None:
    batches: list[list[int]] = []

    @app.batch_task(size=3)
    async def double(items: list[int]) -> list[int]:
        batches.append(items)
        return [2 * item for item in items]

    jobs = [await double.enqueue(number) for number in range(7)]
    await app.worker(concurrency=10).run_until_idle()
    assert [await job.result() for job in jobs] == [0, 2, 4, 6, 8, 10, 12]
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(number for batch in batches for number in batch) == list(range(7))


async def test_the_decorator_stands_with_and_without_parentheses(app: headrace.App) -> None:
    @app.batch_task
    async def double(items: list[int]) -> list[int]:
        return [2 * item for item in items]

    @app.batch_task()
    def triple(items: list[int]) -> list[int]:
        return [3 * item for item in items]

    jobs = [await double.enqueue(1), await triple.enqueue(1)]
    await app.worker().run_until_idle()
    assert [await job.result() for job in jobs] == [2, 3]
    assert (double.size, double.wait_ms) == (triple.size, triple.wait_ms) == (100, 50)


async def test_a_batch_never_waits_for_more_jobs_than_the_worker_has_slots(app: headrace.App) -> None:
    batches: list[int] = []

    @app.batch_task(size=100, wait=60)
    def count(items: list[int]) -> Sequence[int]:
        batches.append(len(items))
        return items

    for number in range(4):
        await count.enqueue(number)
    async with asyncio.timeout(10):
        await app.worker(concurrency=2).run_until_idle()
    assert batches == [2, 2]


async def test_batches_of_two_tasks_do_not_wait_for_slots_that_each_other_holds(app: headrace.App) -> None:
    batches: list[tuple[str, int]] = []

    @app.batch_task(wait=60)
    async def one(items: list[int]) -> Sequence[int]:
        batches.append(("one", len(items)))
        return items

    @app.batch_task(wait=60)
    async def other(items: list[int]) -> Sequence[int]:
        batches.append(("other", len(items)))
        return items

    for number in range(2):
        await one.enqueue(number)
    await other.enqueue(2)
    async with asyncio.timeout(10):
        await app.worker(concurrency=3).run_until_idle()
    assert sorted(batches) == [("one", 2), ("other", 1)]


async def test_an_exception_in_the_list_is_that_jobs_alone_and_follows_the_usual_rules(app: headrace.App) -> None:
    @app.batch_task(attempts=3)
    async def check(items: list[str]) -> list[int | Exception]:
        known: dict[str, int | Exception] = {
            "good": 1,
            "bad": ValueError("no good"),
            "fatal": headrace.Unrecoverable("hopeless"),
            "later": headrace.Later(3600),
        }
        return [known[item] for item in items]

    good, bad, fatal, later = jobs = [await check.enqueue(item) for item in ("good", "bad", "fatal", "later")]
    await app.worker().run_until_idle()
    assert await good.result() == 1
    assert await reasons(jobs[1:]) == ["no good", "hopeless", "delayed"]
    assert [(await job.refresh()).attempts_made for job in (bad, fatal, later)] == [3, 1, 0]


async def test_what_the_function_raises_fails_every_job_of_the_batch(app: headrace.App) -> None:
    calls: list[int] = []

    @app.batch_task(attempts=2)
    def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        if len(calls) == 1:
            raise ConnectionError("away")
        return items

    jobs = [await work.enqueue(number) for number in range(3)]
    await app.worker().run_until_idle()
    assert [await job.result() for job in jobs] == [0, 1, 2]
    for job in jobs:
        (failed,) = (await job.refresh()).failures
        assert (failed.reason, failed.kind, failed.trace.count('raise ConnectionError("away")')) == (
            "away",
            "ConnectionError",
            1,
        )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([1], "the batch returned 1 results for 2 items; return one for each, in their order"),
        (None, "the batch returned NoneType for 2 items; return a list with one result for each"),
        ("ab", "the batch returned str for 2 items; return a list with one result for each"),
    ],
)
async def test_an_answer_that_does_not_fit_the_items_fails_them_all(
    app: headrace.App, answer: Any, reason: str
) -> None:
    @app.batch_task()
    async def work(items: list[int]) -> list[int]:
        return answer  # type: ignore[no-any-return]

    jobs = [await work.enqueue(number) for number in range(2)]
    await app.worker().run_until_idle()
    assert await reasons(jobs) == [reason] * 2


async def test_one_that_is_cancelled_leaves_and_the_others_go_on(app: headrace.App) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    @app.batch_task(wait=0)
    async def work(items: list[int]) -> list[int]:
        started.set()
        await go.wait()
        return items

    first, second = [await work.enqueue(number) for number in range(2)]
    async with app.worker():
        await started.wait()
        await first.cancel()
        with pytest.raises(JobFailed, match="cancelled"):
            await first.result(timeout=5)
        go.set()
        assert await second.result(timeout=5) == 1


async def test_a_batch_that_everybody_has_left_is_cancelled(app: headrace.App) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    @app.batch_task(wait=0, timeout=0.1)
    async def work(items: list[int]) -> list[int]:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return items

    jobs = [await work.enqueue(number) for number in range(2)]
    await app.worker().run_until_idle()
    assert ended.is_set()
    assert await reasons(jobs) == ["not done within 0.1 s"] * 2


async def test_jobs_that_wait_for_company_are_handed_back_unharmed(app: headrace.App) -> None:
    @app.batch_task(wait=60)
    async def work(items: list[int]) -> list[int]:
        raise AssertionError("it never began")

    job = await work.enqueue(1)
    worker = app.worker()
    await worker.start()
    while worker.running == 0:
        await asyncio.sleep(0)
    await worker.close()
    record = await job.refresh()
    assert (record.state, record.attempts_made, record.stalls) == ("waiting", 0, 0)


async def test_a_batch_has_no_context_of_one_job(app: headrace.App) -> None:
    @app.batch_task()
    async def work(items: list[int]) -> list[int]:
        headrace.context()
        return items

    job = await work.enqueue(1)
    await app.worker().run_until_idle()
    assert (await reasons([job]))[0].startswith("there is no job here")


async def test_items_and_results_are_typed(app: headrace.App) -> None:
    @app.batch_task(name="other", queue="mails", priority=5)
    async def work(items: Sequence[tuple[int, str]]) -> list[set[int] | ValueError]:
        return [{number} for number, _ in items]

    job = await work.enqueue((1, "a"))
    assert (await job.refresh()).data == '{"item":[1,"a"]}'
    with pytest.raises(InvalidData, match=r"Expected `int`, got `str` - at `\$.item\[0\]`"):
        await work.enqueue(("1", "a"))  # type: ignore[arg-type]
    await app.worker().run_until_idle()
    assert await job.result() == {1}
    assert await work([(7, "")]) == [{7}]


async def test_a_parent_reads_the_results_of_children_of_a_batch(app: headrace.App) -> None:
    @app.batch_task()
    async def double(items: list[int]) -> list[int]:
        return [2 * item for item in items]

    @app.task
    async def total() -> int:
        return sum(await headrace.context().children(double))

    job = await app.enqueue(total.call().after(double.call(1), double.call(2)))
    await app.worker().run_until_idle()
    assert await job.result() == 6


def test_a_function_that_is_no_batch_is_refused(app: headrace.App) -> None:
    def two(items: list[int], more: int) -> list[int]:
        return items

    def single(item: int) -> list[int]:
        return [item]

    def nothing(items: list[int]) -> None: ...

    batch_task: Any = app.batch_task
    with pytest.raises(Misuse, match="'two' takes one argument: the list of items"):
        batch_task()(two)
    with pytest.raises(Misuse, match="'two' takes one argument: the list of items"):
        batch_task(two)
    with pytest.raises(Misuse, match="takes one argument: the list of items"):
        batch_task(5)
    with pytest.raises(Misuse, match=r"'single' takes <class 'int'>; it takes a list\[T\]"):
        batch_task()(single)
    with pytest.raises(Misuse, match="'nothing' returns"):
        batch_task()(nothing)
    with pytest.raises(InvalidOption, match="did you mean size"):
        batch_task(siz=5)(two)
    with pytest.raises(InvalidOption, match=r"executor is no option of a batch task, .* write @app.task\(executor="):
        batch_task(executor="process")(two)
    with pytest.raises(InvalidOption, match="memory_max is no option of a batch task"):
        batch_task(memory_max=1 << 30)(two)
    with pytest.raises(InvalidOption, match="size is 0"):
        batch_task(size=0)(two)
    with pytest.raises(InvalidOption, match="wait is 61 s"):
        batch_task(wait=61)(two)
