"""Headrace by the protocol of bullmq.cjs: `python -m benchmarks.redis.ours HOST PORT VERB '{"count": 1}'`."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from headrace.app import App
from headrace.cli.measures import BULK, PAUSE_S, QUEUE, Answer, Span
from headrace.core.commands import Claim, Source
from headrace.core.settings import Settings
from headrace.engine import loop
from headrace.storage.protocol import granted

TEXT: Final = "about a hundred bytes of payload, as a small job of every day has it"
LEASE_MS: Final = 3_600_000


async def measured(count: int, work: Callable[[], Coroutine[Any, Any, None]]) -> Answer:
    """Do it when told to."""
    print("ready", flush=True)
    sys.stdin.readline()
    with Span() as span:
        await work()
    return span.answer(count)


async def drain(app: App, task: Any, *, count: int, concurrency: int) -> Answer:  # noqa: ARG001
    """Process the jobs that wait: from the start of a worker until it has recorded the last one."""
    worker = app.worker(QUEUE, concurrency=concurrency)

    async def work() -> None:
        await worker.start()
        await worker.run_until_idle()

    answer = await measured(count, work)
    assert worker.processed == count
    await worker.close()
    return answer


async def add_bulk(app: App, task: Any, *, count: int) -> Answer:
    """Add jobs, a thousand a call; making the calls is part of it."""

    async def work() -> None:
        for at in range(0, count, BULK):
            await app.enqueue_many([task.call(n, TEXT) for n in range(at, min(at + BULK, count))])

    return await measured(count, work)


async def add_single(app: App, task: Any, *, count: int, tasks: int) -> Answer:  # noqa: ARG001
    """Add jobs one by one, each awaited, from so many callers."""
    each = count // tasks

    async def add() -> None:
        for n in range(each):
            await task.enqueue(n, TEXT)

    async def work() -> None:
        await asyncio.gather(*(add() for _ in range(tasks)))

    return await measured(each * tasks, work)


async def latency(app: App, task: Any, *, count: int) -> Answer:  # noqa: ARG001
    """From just before the add to the first line of the handler, worker and caller in one process."""
    began: asyncio.Queue[int] = asyncio.Queue()

    @app.task(queue=QUEUE)
    async def note(n: int) -> None:  # noqa: ARG001
        began.put_nowait(time.monotonic_ns())

    waits: list[float] = []

    async def work() -> None:
        for n in range(count):
            await asyncio.sleep(random.uniform(*PAUSE_S))
            asked = time.monotonic_ns()
            await note.enqueue(n)
            waits.append((await began.get() - asked) / 1e6)

    async with app.worker(QUEUE, concurrency=10):
        await measured(count, work)
    return {"ms": waits}


async def hold(app: App, task: Any, *, count: int) -> Answer:
    """Start jobs that nobody ends within the hour."""

    async def work() -> None:
        for at in range(0, count, BULK):
            await app.enqueue_many([task.call(n, TEXT) for n in range(min(BULK, count - at))])
            claim = Claim((Source(QUEUE),), BULK, f"held-{at}", LEASE_MS, "bench")
            granted(await app.storage.run(claim))

    return await measured(count, work)


VERBS: Final[Mapping[str, Callable[..., Coroutine[Any, Any, Answer]]]] = {
    verb.__name__: verb for verb in (drain, add_bulk, add_single, latency, hold)
}


async def main() -> None:
    host, port, verb, given = sys.argv[1:]
    app = App(settings=Settings(url=f"redis://{host}:{port}/0", prefix="bench"))

    @app.task(queue=QUEUE)
    async def nothing(n: int, text: str) -> None:
        pass

    async with app:
        print(json.dumps(await VERBS[verb](app, nothing, **json.loads(given))), flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    loop.run(main())
