"""What both type checkers refuse: the marked lines and no others, since both report a mark that is not needed."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import Any

import headrace

app = headrace.App("memory://")


@app.task
def resize(path: str, width: int = 100) -> int:
    return width


@app.task(queue="dns", attempts=5)
async def create(name: str, *, value: str = "") -> str:
    return name


@app.task(atempts=5)  # type: ignore[call-overload, untyped-decorator]
def misspelt() -> None: ...


@app.task(attempts="5")  # type: ignore[call-overload, untyped-decorator]
def mistyped() -> None: ...


@app.task
def check(width: str = headrace.from_child(resize)) -> None: ...  # type: ignore[assignment]
@app.batch_task(size=5)
async def index(items: list[str]) -> list[int | Exception]:
    return [len(item) for item in items]


@app.batch_task(size=5)  # type: ignore[arg-type]
def single(item: str) -> list[int]:
    return [5]


@app.batch_task  # type: ignore[arg-type]
def alone(item: str) -> list[int]:
    return [5]


@app.batch_task(size="5")  # type: ignore[call-overload, untyped-decorator]
def sized(items: list[str]) -> list[int]:
    return [5]


@app.task(executor="processes")  # type: ignore[call-overload, untyped-decorator]
def apart() -> None: ...


@app.on("finished")  # type: ignore[arg-type]
def finished(job: headrace.Job[Any]) -> None: ...


@app.handler("dns")  # type: ignore[type-var]
def two(job: headrace.Job[Any], more: int) -> None: ...


@app.handler("dns", executor="procs")  # type: ignore[arg-type]
def three(job: headrace.Job[Any]) -> None: ...


async def awaited() -> None:
    await resize.enqueue(5)  # type: ignore[arg-type]
    await resize.enqueue()  # type: ignore[call-arg]
    await resize.enqueue("a.png", height=5)  # type: ignore[call-arg]
    await resize.enqueue("a.png", "5")  # type: ignore[arg-type]
    await create.enqueue("www", "192.0.2.1")  # type: ignore[call-arg]
    await create.enqueue(name=b"www")  # type: ignore[arg-type]
    await index.enqueue(5)  # type: ignore[arg-type]
    await index.enqueue(["a"])  # type: ignore[arg-type]
    _length: str = await (await index.enqueue("a")).result()  # type: ignore[assignment]
    await app.enqueue(resize)  # type: ignore[arg-type]
    await app.queue("dns").add("x", {}, atempts=5)  # type: ignore[call-arg]
    await app.queue("dns").jobs(5)  # type: ignore[arg-type]
    await app.queue("dns").clean("active")  # type: ignore[arg-type]
    await app.select("failed").retry(progress=5)  # type: ignore[arg-type]
    _text: str = await (await resize.enqueue("a")).result()  # type: ignore[assignment]
    _number: int = await create("www")  # type: ignore[assignment]


def blocking() -> None:
    resize.enqueue.sync(5)  # type: ignore[arg-type]
    resize.call("a", wide=5)  # type: ignore[call-arg]
    resize("a", wide=5)  # type: ignore[call-arg]
    resize.call("a").options(priority="high")  # type: ignore[arg-type]
    resize.call("a").options(prio=5)  # type: ignore[call-arg]
    resize.call("a").after("b")  # type: ignore[arg-type]
    resize.call("a").after(create.call("b"), if_failed="keep")  # type: ignore[arg-type]
    headrace.Exponential(15, 0.5)  # type: ignore[call-arg]
    _job: headrace.Job[str] = resize.enqueue.sync("a")  # type: ignore[assignment]
