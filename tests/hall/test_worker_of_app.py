"""The worker that an app gives: its queues, its settings, what wraps its runs, and who hears of them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.errors import Misuse


async def test_a_worker_without_names_serves_every_queue_that_has_a_handler(app: headrace.App) -> None:
    @app.task(queue="a")
    async def one() -> str:
        return "one"

    @app.task(queue="b")
    def two() -> str:
        return "two"

    jobs = [await one.enqueue(), await two.enqueue()]
    assert await app.worker("a").run_until_idle() == 1
    assert [await job.state() for job in jobs] == ["completed", "waiting"]
    assert await app.worker().run_until_idle() == 1


async def test_a_queue_without_a_handler_is_refused(app: headrace.App) -> None:
    @app.task(queue="dns")
    def work() -> None: ...

    with pytest.raises(Misuse, match="registered for the queue 'dsn'; there are dns"):
        app.worker("dns", "dsn")
    with pytest.raises(Misuse, match="no task or handler"):
        headrace.App("memory://").worker()


async def test_the_number_of_jobs_at_once_comes_from_the_settings_or_the_call() -> None:
    app = headrace.App(settings=headrace.Settings(url="memory://", concurrency=7))

    @app.task
    def work() -> None: ...

    assert (app.worker().concurrency, app.worker(concurrency=3).concurrency) == (7, 3)


async def test_middleware_wraps_every_run_the_first_outermost(app: headrace.App) -> None:
    told: list[str] = []

    @app.middleware
    async def outer(context: headrace.Context, proceed: Callable[[], Awaitable[Any]]) -> Any:
        told.append(f"outer {context.job.name}")
        return [await proceed()]

    @app.middleware
    async def inner(context: headrace.Context, proceed: Callable[[], Awaitable[Any]]) -> Any:
        told.append("inner")
        return await proceed()

    @app.task
    def work() -> Any:
        told.append("work")
        return 1

    job = await work.enqueue()
    await app.worker().run_until_idle()
    assert await job.result() == [1]
    assert told == ["outer work", "inner", "work"]


def test_a_middleware_that_cannot_be_awaited_is_refused(app: headrace.App) -> None:
    def timed(context: headrace.Context, proceed: Callable[[], Awaitable[Any]]) -> Any: ...

    with pytest.raises(headrace.errors.Misuse, match=r"timed is not async; write async def "):
        app.middleware(timed)
    with pytest.raises(headrace.errors.Misuse, match="the middleware 7 is not async"):
        app.middleware(7)  # type: ignore[type-var]
    assert app.middlewares == ()


async def test_listeners_hear_of_final_failures_with_the_job(app: headrace.App) -> None:
    told: list[Any] = []

    @app.on("failed")
    async def failed(job: headrace.Job[Any], failure: headrace.Failure) -> None:
        told.append((job, job.data, failure.reason))

    @app.on("started")
    def started() -> None:
        told.append("started")

    @app.on("stopped")
    async def stopped() -> None:
        told.append("stopped")

    @app.task(attempts=2)
    def work(n: int) -> None:
        raise ValueError("boom")

    job = await work.enqueue(5)
    await app.worker().run_until_idle()
    assert told[0] == "started"
    assert (job, {"n": 5}, "boom") in told
    assert "stopped" in told
    assert len(told) == 3


async def test_of_a_job_that_fails_without_a_worker_nobody_hears(app: headrace.App) -> None:
    heard = list[str]()

    @app.on("failed")
    async def failed(job: headrace.Job[Any], failure: headrace.Failure) -> None:
        heard.append(f"{job.ref} {failure.cause}")

    @app.task
    async def wait() -> None:
        await asyncio.Event().wait()

    waiting, running = await wait.enqueue(), await wait.enqueue()
    assert await waiting.cancel("nobody needs it")
    async with app.worker():
        while await running.state() != "active":
            await asyncio.sleep(0)
        await running.cancel("it takes too long")
        with pytest.raises(headrace.errors.JobFailed):
            await running.result(timeout=10)
    assert heard == [f"{running.ref} cancelled"]


async def test_nothing_can_be_heard_that_never_happens(app: headrace.App) -> None:
    with pytest.raises(Misuse, match="did you mean failed"):
        app.on("fail")  # type: ignore[arg-type]


async def test_a_custom_backoff_decides_when_to_give_up(app: headrace.App) -> None:
    asked: list[int] = []

    @app.backoff("twice")
    def twice(attempt: int, failure: headrace.Failure) -> float | None:
        asked.append(attempt)
        return 0 if attempt < 2 else None

    @app.task(attempts=9, backoff=twice)
    def work() -> None:
        raise ValueError("boom")

    job = await work.enqueue()
    await app.worker().run_until_idle()
    assert await job.state() == "failed"
    assert asked == [1, 2]


def test_a_worker_moves_the_store_to_the_loop_where_it_runs(tmp_path: Path) -> None:
    for url in ("memory://", f"sqlite:///{tmp_path}/headrace.db"):
        app = headrace.App(url)

        @app.task
        async def work() -> str:
            return "done"

        job = work.enqueue.sync()  # the I/O begins in a thread of its own
        worker = app.worker()
        assert asyncio.run(worker.run_until_idle()) == 1
        assert job.result.sync(timeout=5) == "done"
        app.close.sync()


async def test_a_handler_may_enqueue_and_wait_from_its_thread(app: headrace.App) -> None:
    @app.task
    async def leaf(n: int) -> int:
        return n + 1

    @app.task
    def root(n: int) -> int:
        return leaf.enqueue.sync(n).result.sync(timeout=5)

    async with asyncio.timeout(10), app.worker():
        assert await (await root.enqueue(1)).result() == 2


async def test_listeners_hear_of_stalled_jobs(app: headrace.App) -> None:
    told: list[headrace.Job[Any]] = []
    app.on("stalled")(told.append)
    job = await app.queue("q").add("x", {"a": 1})
    gone = await app.queue("q").add("gone")
    await gone.remove()
    for hook in app.hooks.stalled:
        await hook(job.ref)
        await hook(gone.ref)
    assert told == [job, gone]
    assert (told[0].name, told[0].data, told[1].name) == ("x", {"a": 1}, "")
