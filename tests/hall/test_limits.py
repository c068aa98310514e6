"""Limits of a queue, as users set them."""

import asyncio

import pytest

import headrace
from headrace.errors import InvalidOption, QueueFull


async def test_limits_are_given_as_they_are_taken(app: headrace.App) -> None:
    queue = app.queue("q")
    assert await queue.limits() == headrace.Limits()
    per_key = {"tenant": headrace.Capacity(running=5, waiting=50)}
    await queue.limit(concurrency=10, rate=headrace.Rate(100, per=1), max_waiting=10_000, per_key=per_key)
    assert await queue.limits() == headrace.Limits(10, headrace.Rate(100, per=1), 10_000, per_key)
    await queue.limit(rate=None, concurrency=3)
    await queue.limit()
    assert await queue.limits() == headrace.Limits(3, None, 10_000, per_key)


async def test_a_limit_that_cannot_be_is_refused_before_anything_is_done(app: headrace.App) -> None:
    queue = app.queue("q")
    for wrong in (
        {"concurrency": 0},
        {"max_waiting": -1},
        {"concurrency": "5"},
        {"rate": 5},
        {"per_key": {"tenant": 5}},
        {"per_key": ["tenant"]},
        {"per_key": {"a": headrace.Capacity(1), "b": headrace.Capacity(1)}},
    ):
        with pytest.raises(InvalidOption):
            await queue.limit(**wrong)  # type: ignore[arg-type]
    for make in (lambda: headrace.Rate(0), lambda: headrace.Rate(1, per=0), lambda: headrace.Capacity(running=0)):
        with pytest.raises(InvalidOption):
            make()
    assert await app.queues() == []


async def test_a_full_queue_refuses_to_whoever_adds(app: headrace.App) -> None:
    queue = app.queue("q")
    await queue.limit(max_waiting=1)
    await queue.add("x")
    with pytest.raises(QueueFull, match="the queue 'q' is full: 1 jobs may wait"):
        await queue.add("x")


async def test_workers_never_run_more_than_the_queue_may_and_lose_no_time(app: headrace.App) -> None:
    """The poll interval is half a minute: without a wake-up for each place that is free this would not end."""
    running = most = 0

    @app.task(queue="q")
    async def work(tenant: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await app.queue("q").limit(concurrency=2, per_key={"tenant": headrace.Capacity(running=1)})
    jobs = await app.enqueue_many(work.call(f"{n % 3}") for n in range(30))
    async with app.worker("q", concurrency=8), app.worker("q", concurrency=8), asyncio.timeout(20):
        for job in jobs:
            await job.result(timeout=20)
    assert most == 2


async def test_a_rate_is_waited_for(app: headrace.App) -> None:
    @app.task(queue="q")
    async def work() -> None: ...

    await app.queue("q").limit(rate=headrace.Rate(2, per=0.1))
    jobs = await app.enqueue_many(work.call() for _ in range(5))
    async with app.worker("q"), asyncio.timeout(20):
        for job in jobs:
            await job.result(timeout=20)
    records = await asyncio.gather(*(job.refresh() for job in jobs))
    starts = sorted(record.started_at or 0 for record in records)
    assert all(third - first >= 100 for first, third in zip(starts, starts[2:], strict=False))


async def test_why_names_the_limit_that_is_in_the_way(app: headrace.App) -> None:
    held = asyncio.Event()

    @app.task(queue="q")
    async def work(tenant: str) -> None:
        await held.wait()

    limits = {"tenant": headrace.Capacity(running=1)}
    await app.queue("q").limit(concurrency=1, rate=headrace.Rate(1, per=60), per_key=limits)
    running = await work.enqueue("a")
    async with app.worker("q"):
        async with asyncio.timeout(20):
            while await running.state() != "active":
                await asyncio.sleep(0)
        reasons = await (await work.enqueue("a")).why()
        held.set()
    assert reasons[0].startswith("the queue q runs as many jobs as it may: 1, with a concurrency of 1; ")
    assert reasons[1].startswith("the queue q has used up its rate, 1 in 60 s, until ")
    assert reasons[2].startswith("the tenant 'a' runs as many jobs as it may: 1; ")


async def test_a_key_that_is_free_is_no_reason(app: headrace.App) -> None:
    queue = app.queue("q")
    await queue.limit(per_key={"tenant": headrace.Capacity(running=1)})
    job = await queue.add("x", {"tenant": "a"})
    assert await job.why() == ["no worker is running; start one: headrace worker APP", "it is next"]
    await job.change_delay(60)
    assert (await job.why())[1:] == ["no worker is running; start one: headrace worker APP"]
