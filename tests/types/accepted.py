"""What both type checkers accept, with the types that they must see."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, assert_type

import headrace
from headrace.task import AsyncTask, PlainTask

app = headrace.App("memory://")


@app.task
def resize(path: str, width: int = 100) -> int:
    return width


@app.task(queue="dns", attempts=5, backoff=headrace.Exponential(15, jitter=0.5, max=3600), timeout=timedelta(minutes=1))
async def create(name: str, *, value: str = "") -> str:
    return name


@app.task(executor="inline", keep_completed=headrace.Keep(count=10), delay=3)
def nothing() -> None: ...


@app.middleware
async def around(context: headrace.Context, proceed: Any) -> Any:
    return await proceed()


@app.on("failed")
async def failed(job: headrace.Job[Any], failure: headrace.Failure) -> None: ...


@app.handler("any")
async def anything(job: headrace.Job[Any]) -> object:
    return job.data


@app.backoff("slow")
def slow(attempt: int, failure: headrace.Failure) -> float | None:
    return None


async def awaited() -> None:
    assert_type(await resize.enqueue("a.png", width=200), headrace.Job[int])
    assert_type(await (await resize.enqueue("a.png")).result(timeout=60), int)
    assert_type(await create.enqueue("www", value="192.0.2.1"), headrace.Job[str])
    assert_type(await (await create.enqueue("www")).result(), str)
    assert_type(await create("www"), str)
    assert_type(await nothing.enqueue(), headrace.Job[None])
    assert_type(resize("a.png"), int)
    assert_type(resize.call("a.png", 5), headrace.Call[int])
    assert_type(create.call("www").options(delay=5, priority=1, job_id="a"), headrace.Call[str])
    assert_type(create.call("www").after(resize.call("a"), if_failed="wait"), headrace.Call[str])
    assert_type(await app.enqueue(create.call("www")), headrace.Job[str])
    assert_type(await app.enqueue_many(resize.call(path) for path in ["a", "b"]), list[headrace.Job[int]])
    job = await app.queue("dns").add("create", {"name": "www"}, attempts=5, delay=1)
    assert_type(job, headrace.Job[Any])
    assert_type(await job.state(), headrace.State)
    assert_type(await job.cancel(), bool)
    async for event in app.queue("dns").events(after=3):
        assert_type(event, headrace.Event | headrace.Gap)
    assert_type(app.queue("dns").events(), AsyncGenerator[headrace.Event | headrace.Gap, None])
    assert_type(job.events(after={"dns": 3}), AsyncGenerator[headrace.Event | headrace.Gap, None])
    async with app as same:
        assert_type(same, headrace.App)
    assert_type(await headrace.context().child(create), str)


def blocking() -> None:
    assert_type(resize.enqueue.sync("a.png", width=200), headrace.Job[int])
    assert_type(create.enqueue.sync("www").result.sync(timeout=1), str)
    assert_type(app.enqueue.sync(resize.call("a")), headrace.Job[int])
    assert_type(app.enqueue_many.sync([create.call("a")]), list[headrace.Job[str]])
    assert_type(app.queue("dns").add.sync("create", {"name": "www"}, priority=1), headrace.Job[Any])
    for event in app.queue("dns").events.sync():
        assert_type(event, headrace.Event | headrace.Gap)


def kinds(plain: PlainTask[[str], int], other: AsyncTask[[], str]) -> None:
    assert_type(plain("a"), int)
    assert_type(other.enqueue.sync(), headrace.Job[str])
    assert_type(any_task(plain), headrace.Job[int])


def any_task(task: headrace.Task[[str], int]) -> headrace.Job[int]:
    return task.enqueue.sync("a")
