"""What jobs do under workers of ours, by their names; deeds.cjs has the same for Node.

As a program, `python -m tests.interop.deeds URL PREFIX QUEUE LEASE_S`, it works a queue until it is killed.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import headrace


async def give(value: Any) -> Any:
    return value


async def tell(lines: list[str]) -> None:
    ctx = headrace.context()
    await ctx.progress(50)
    await ctx.progress({"done": 7})
    for line in lines:
        await ctx.log(line)


async def luck(failures: int) -> int:
    ctx = headrace.context()
    await ctx.log(str(time.time_ns() // 1_000_000))
    if ctx.attempt <= failures:
        raise ValueError("no luck")
    return ctx.attempt


async def fail(reason: str) -> None:
    raise ValueError(reason)


async def final(reason: str) -> None:
    raise headrace.Unrecoverable(reason)


async def summed() -> dict[str, Any]:
    children = (await headrace.context().children_by_key()).values()
    return {
        "values": sorted(child.result for child in children if child.fate == "completed"),
        "ignored": sorted(child.failure.reason for child in children if child.fate == "ignored" and child.failure),
    }


async def grow(app: headrace.App, queue: str) -> dict[str, Any]:
    ctx = headrace.context()
    for value in (1, 2):
        await ctx.add_child(call(app, queue, "give", value=value).options(job_id=f"{ctx.job.id}-{value}"))
    if any(child.fate == "pending" for child in (await ctx.children_by_key()).values()):
        raise headrace.WaitForChildren
    return await summed()


async def later() -> int:
    lease = headrace.context().job
    if lease.attempts_started == 1:
        raise headrace.Later(3_600)
    return lease.attempts_made


async def hang(until: int) -> int:
    started = headrace.context().job.attempts_started
    if started < until:
        await asyncio.Event().wait()
    return started


DEEDS: Final[dict[str, Callable[..., Any]]] = {
    "give": give, "tell": tell, "luck": luck, "fail": fail, "final": final, "sum": summed, "hang": hang, "later": later,
}  # fmt: skip


def call(app: headrace.App, queue: str, name: str, /, **data: Any) -> Any:
    """A call of what is named so, which a worker of this queue can run from now on."""
    return task(app, queue, name).call(**data)


def task(app: headrace.App, queue: str, name: str) -> Any:
    if name != "grow":
        return app.task(queue=queue, name=name)(DEEDS[name])

    async def grown(queue: str) -> dict[str, Any]:
        return await grow(app, queue)

    return app.task(queue=queue, name=name)(grown)


def learn(app: headrace.App, *queues: str) -> None:
    """Let workers of the app run everything in these queues."""
    for queue in queues:
        for name in (*DEEDS, "grow"):
            task(app, queue, name)


async def main(url: str, prefix: str, queue: str, lease_s: str) -> None:
    app = headrace.App(settings=headrace.Settings(url=url, prefix=prefix, lease=float(lease_s)))
    learn(app, queue)
    async with app:
        await app.worker(queue).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
