"""What both type checkers accept, with the types that they must see."""

from collections.abc import AsyncGenerator, Sequence
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


@app.task(executor="process", recycle=100, memory_max=1 << 30, kill_after=2)
def press(path: str) -> int:
    return 0


@app.batch_task(size=100, wait=0.05)
async def index(items: list[str]) -> list[int | Exception]:
    return [len(item) for item in items]


@app.batch_task(queue="mail", attempts=3)
def notify(items: list[tuple[int, str]]) -> list[bool]:
    return [True for _ in items]


@app.batch_task
async def weigh(items: list[str]) -> list[float | Exception]:
    return [len(item) / 2 for item in items]


@app.batch_task
def sign(items: list[bytes]) -> list[str]:
    return [item.hex() for item in items]


@app.middleware
async def around(context: headrace.Context, proceed: Any) -> Any:
    return await proceed()


@app.on("failed")
async def failed(job: headrace.Job[Any], failure: headrace.Failure) -> None: ...


@app.handler("any")
async def anything(job: headrace.Job[Any]) -> object:
    return job.data


@app.handler("apart", executor="process", recycle=10)
def apart(job: headrace.Job[Any]) -> object:
    return job.data


@app.backoff("slow")
def slow(attempt: int, failure: headrace.Failure) -> float | None:
    return None


@app.task
def check(
    zone: str, *, change: str = headrace.from_child(create), width: int = headrace.from_child(resize)
) -> None: ...


async def awaited() -> None:
    assert_type(await resize.enqueue("a.png", width=200), headrace.Job[int])
    assert_type(await (await resize.enqueue("a.png")).result(timeout=60), int)
    assert_type(await create.enqueue("www", value="192.0.2.1"), headrace.Job[str])
    assert_type(await (await create.enqueue("www")).result(), str)
    assert_type(await create("www"), str)
    assert_type(await press.enqueue("a.png"), headrace.Job[int])
    assert_type(await index.enqueue("a"), headrace.Job[int])
    assert_type(await (await notify.enqueue((1, "a"))).result(), bool)
    assert_type(await (await weigh.enqueue("a")).result(), float)
    assert_type(await sign.enqueue(b"a"), headrace.Job[str])
    assert_type(sign([b"a"]), Sequence[str | Exception])
    assert_type(index.call("a").options(delay=5), headrace.Call[int])
    assert_type(await index(["a"]), Sequence[int | Exception])
    assert_type(await headrace.context().children(index), list[int])
    assert_type(await nothing.enqueue(), headrace.Job[None])
    assert_type(resize("a.png"), int)
    assert_type(resize.call("a.png", 5), headrace.Call[int])
    assert_type(create.call("www").options(delay=5, priority=1, job_id="a"), headrace.Call[str])
    assert_type(create.call("www").options(dedup=headrace.Dedup("a", ttl=timedelta(1))), headrace.Call[str])
    assert_type(create.call("www").after(resize.call("a"), if_failed="wait"), headrace.Call[str])
    assert_type(create.call("www").after(resize.call("a"), if_failed="continue_parent"), headrace.Call[str])
    assert_type(await app.enqueue(create.call("www")), headrace.Job[str])
    assert_type(await app.enqueue_many(resize.call(path) for path in ["a", "b"]), list[headrace.Job[int]])
    job = await app.queue("dns").add("create", {"name": "www"}, attempts=5, delay=1)
    assert_type(job, headrace.Job[Any])
    assert_type(await job.state(), headrace.State)
    assert_type(await job.cancel(), bool)
    assert_type(await app.select("failed name:send*").retry(progress=print), headrace.Swept)
    assert_type(await app.queue("dns").jobs("failed"), headrace.Page)
    assert_type(await app.queue("dns").drain(), headrace.Swept)
    assert_type(await (await resize.enqueue("a")).move("other"), headrace.Job[int])
    async for event in app.queue("dns").events(after=3):
        assert_type(event, headrace.Event | headrace.Gap)
    assert_type(app.queue("dns").events(), AsyncGenerator[headrace.Event | headrace.Gap, None])
    assert_type(job.events(after={"dns": 3}), AsyncGenerator[headrace.Event | headrace.Gap, None])
    async with app as same:
        assert_type(same, headrace.App)
    assert_type(await headrace.context().child(create), str)
    assert_type(await headrace.context().add_child(resize.call("a"), if_failed="ignore"), headrace.JobRef)
    assert_type(await (await resize.enqueue("a")).add_child(create.call("www"), if_failed="drop"), headrace.Job[str])


def blocking() -> None:
    assert_type(resize.enqueue.sync("a.png", width=200), headrace.Job[int])
    assert_type(notify.enqueue.sync((1, "a")), headrace.Job[bool])
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
