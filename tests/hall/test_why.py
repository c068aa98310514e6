"""Why does this job not run? The nearest reason comes first."""

import asyncio
import re
import threading
from typing import Any

import pytest

import headrace
from headrace.core.commands import Beat, Claim, Leave, Recover, Source, WorkerRecord


async def alive(app: headrace.App, *sources: Source, running: int = 0) -> None:
    """Say that a worker lives; nothing runs."""
    await app.storage.run(Beat(WorkerRecord("w-1", "host", 1, sources, 10, running=running), 60_000))


async def test_no_worker_is_running(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    assert await job.why() == ["no worker is running", "it is next"]


async def test_no_worker_serves_the_queue(app: headrace.App) -> None:
    await alive(app, Source("other"))
    assert await (await app.queue("q").add("x")).why() == ["no worker serves the queue q", "it is next"]


async def test_no_worker_serves_the_name(app: headrace.App) -> None:
    await alive(app, Source("q", ("a", "b")))
    job = await app.queue("q").add("x")
    assert (await job.why())[0] == "no worker of the queue q serves the task x; they serve a, b"


async def test_every_worker_that_serves_it_is_busy(app: headrace.App) -> None:
    await alive(app, Source("q"), running=10)
    job = await app.queue("q").add("x")
    assert (await job.why())[0] == "the one worker that serves it is busy: w-1"


async def test_every_worker_that_serves_it_claims_nothing(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    names = (Source("q", ("x",)),)
    for name, state, running in (("w-1", "paused", 0), ("w-2", "draining", 1), ("w-3", "running", 10)):
        record = WorkerRecord(name, "host", 1, names, 10, running=running, state=state)  # type: ignore[arg-type]
        await app.storage.run(Beat(record, 60_000))
    assert await job.why() == [
        "1 of the 3 workers that serve it is busy: w-3",
        "2 of the 3 workers that serve it are paused, or about to end: w-1, w-2",
        "it is next",
    ]
    await app.storage.run(Leave("w-2"))
    await app.storage.run(Leave("w-3"))
    assert await job.why() == ["the one worker that serves it is paused, or about to end: w-1", "it is next"]


async def test_every_worker_that_serves_it_has_a_rate(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    for name, running in (("w-1", 0), ("w-2", 10)):
        record = WorkerRecord(name, "host", 1, (Source("q"),), 10, running=running, rate=headrace.Rate(5).stored())
        await app.storage.run(Beat(record, 60_000))
    assert (await job.why())[:2] == [
        "1 of the 2 workers that serve it is busy: w-2",
        "1 of the 2 workers that serve it is bound to a rate: w-1",
    ]
    await app.storage.run(Leave("w-2"))
    assert (await job.why())[0] == "the one worker that serves it is bound to a rate: w-1"


async def test_the_queue_is_paused(app: headrace.App) -> None:
    await alive(app, Source("q"))
    job = await app.queue("q").add("x")
    await app.queue("q").pause()
    assert await job.why() == ["the queue q is paused", "it is next"]


async def test_others_go_before_it(app: headrace.App) -> None:
    await alive(app, Source("q"))
    first = await app.queue("q").add("x", priority=5)
    second = await app.queue("q").add("x", priority=5)
    await app.queue("q").add("x")
    assert await first.why() == ["it is behind 1 other job"]
    assert await second.why() == ["it is behind 2 other jobs"]


async def test_many_others_are_not_counted_to_the_last(app: headrace.App) -> None:
    await alive(app, Source("q"))
    queue = app.queue("q")
    jobs = await app.enqueue_many(queue.call("x") for _ in range(102))
    assert await jobs[99].why() == ["it is behind 99 other jobs"]
    assert await jobs[101].why() == ["it is behind more than 100 other jobs"]


async def test_it_is_delayed(app: headrace.App) -> None:
    await alive(app, Source("q"))
    (told,) = await (await app.queue("q").add("x", delay=3600)).why()
    assert told.startswith("it is delayed until 20")
    assert told.endswith(" UTC")


async def test_it_is_delayed_because_an_attempt_failed(app: headrace.App) -> None:
    @app.task(attempts=3, backoff=3600)
    def work() -> None:
        raise ValueError("boom")

    job = await work.enqueue()
    await app.worker().run_until_idle()
    assert ", because attempt 1 of 3 failed: boom" in (await job.why())[0]


async def test_it_waits_for_children(app: headrace.App) -> None:
    queue = app.queue("q")
    tree = await app.enqueue(queue.call("x").after(*(queue.call("y").options(job_id=f"c{n}") for n in range(7))))
    told = await tree.why()
    assert told[0] == "it waits for the child q/c0 (y), which is waiting"
    assert told[-1] == "it waits for 2 children more"
    assert len(told) == 6


async def test_a_child_that_has_failed_is_named_before_those_that_will_run(app: headrace.App) -> None:
    @app.task
    def leaf() -> None:
        raise headrace.Unrecoverable("no")

    @app.task(queue="idle")
    def root() -> None: ...

    others = [root.call().options(job_id=f"c{n}") for n in range(7)]
    tree = await app.enqueue(root.call().after(*others, leaf.call().options(job_id="leaf"), if_failed="wait"))
    await app.worker("default").run_until_idle()
    told = await tree.why()
    assert told[0] == "it waits for the child default/leaf (leaf), which is failed and must be retried or removed: no"
    assert told[1] == "it waits for the child idle/c0 (root), which is waiting"
    assert len(told) == 6


async def test_it_runs(app: headrace.App) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    @app.task
    async def work() -> None:
        begun.set()
        await go.wait()

    async with asyncio.timeout(10), app.worker(name="mill"):
        job = await work.enqueue()
        await begun.wait()
        (told,) = await job.why()
        go.set()
        assert told.startswith("it runs on worker mill-")
        assert told.endswith(", attempt 1")
        await job.result()
        (over,) = await job.why()
        assert over.startswith("it has completed at 20")


async def test_it_has_failed(app: headrace.App) -> None:
    @app.task(attempts=3)
    def work() -> None:
        raise headrace.Unrecoverable("no such zone")

    job = await work.enqueue()
    await app.worker().run_until_idle()
    (told,) = await job.why()
    assert told.endswith("after 1 of 3 attempts (unrecoverable): no such zone")


async def test_its_queue_rests(app: headrace.App) -> None:
    @app.task(queue="q")
    def work() -> None:
        raise headrace.RateLimited(3600)

    job = await work.enqueue()
    await app.worker().run_until_idle()
    assert any(told.startswith("the queue q rests until 20") for told in await job.why())


async def test_it_will_be_failed_without_running(app: headrace.App) -> None:
    @app.task(queue="leaf")
    def leaf() -> None:
        raise headrace.Unrecoverable("no")

    tree = await app.enqueue(app.queue("root").call("root").after(leaf.call().options(job_id="child")))
    await app.worker().run_until_idle()
    assert await tree.state() == "waiting"
    told = await tree.why()
    assert told[0] == "it will not run: the next worker to take it records that it failed: child leaf/child failed"


async def test_it_was_asked_to_stop(app: headrace.App) -> None:
    begun, go = threading.Event(), threading.Event()

    @app.task
    def work() -> None:
        begun.set()
        go.wait(10)

    async with asyncio.timeout(10), app.worker():
        job = await work.enqueue()
        await asyncio.to_thread(begun.wait, 10)
        await job.cancel()
        told = await job.why()
        go.set()
    assert told[1] == "its worker was asked to cancel it"


@pytest.mark.parametrize("options", [{}, {"delay": 60}])
async def test_it_expires_if_nobody_starts_it(app: headrace.App, options: Any) -> None:
    await alive(app, Source("q"))
    job = await app.queue("q").add("x", expires=3600, **options)
    record = await job.refresh()
    assert re.fullmatch(r"it expires at [-\d]+ [:\d]+ UTC if nobody has started it by then", (await job.why())[-1])
    await app.storage.run(Claim((Source("q"),), 1, "t", 60_000, "w-1"))
    if not record.due_at:
        assert len(await job.why()) == 1


async def test_a_parent_that_waits_for_children_can_expire_too(app: headrace.App) -> None:
    queue = app.queue("q")
    job = await app.enqueue(queue.call("up").options(expires=60).after(queue.call("down")))
    assert (await job.why())[-1].startswith("it expires at ")


async def test_it_has_expired(app: headrace.App) -> None:
    job = await app.queue("q").add("x", expires=0.001)
    await asyncio.to_thread(threading.Event().wait, 0.01)
    await app.storage.run(Recover())
    (said,) = await job.why()
    assert said.endswith(" without having been run (expired): not started within 0.001 s")


async def test_the_worker_that_has_it_gives_no_sign_of_life(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    await app.storage.run(Claim((Source("q"),), 1, "t", 60_000, "w-1"))
    said = await job.why()
    assert said[1].startswith("that worker gives no sign of life; the job is given back when its lease ends, at ")
    await alive(app, Source("q"))
    assert len(await job.why()) == 1


async def test_workers_were_lost_while_running_it(app: headrace.App) -> None:
    await alive(app, Source("q"))
    job = await app.queue("q").add("x", max_stalled=2)
    for lost in ("a worker was lost while running it; after more than 2 it fails", "2 workers were lost"):
        await app.storage.run(Claim((Source("q"),), 1, "t", 0, "w-1"), Recover())
        assert (await job.why())[-1].startswith(lost)
