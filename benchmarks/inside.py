"""What runs in a child process: `python -m benchmarks.inside NAME FILE '{"count": 1}'` prints one line of JSON."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from headrace.cli.measures import (
    BULK,
    QUEUE,
    Answer,
    Span,
    add_many,
    add_single,
    drain,
    fill,
    latency,
    open_shop,
    stock,
)
from headrace.core import lifecycle
from headrace.core.commands import Claim, Settle, Source
from headrace.core.outcomes import Done
from headrace.storage.protocol import Storage, granted

IDLE_AFTER_S: Final = 1.0  # for what a worker does once when it starts


async def fill_finished(path: Path, *, count: int) -> Answer:
    """Add jobs and finish them, a thousand a turn, without a worker."""
    app, task = open_shop(path)
    async with app:
        await stock(app, task, count)
        finished = await _finish_all(app.storage)
    return {"finished": finished}


async def _finish_all(store: Storage) -> int:
    claim = Claim((Source(QUEUE),), BULK, "token", 30_000, "bench")
    finished = 0
    first = await store.run(claim)
    leases = granted(first).leases
    while leases:
        finished += len(leases)
        settle = Settle(tuple(lifecycle.settle(lease, Done(), 0.0) for lease in leases))
        replies = await store.run(settle, claim)
        leases = granted(replies[1]).leases
    return finished


async def add_many_made(path: Path, *, count: int) -> Answer:
    """Add jobs in bulk whose calls are made already."""
    app, task = open_shop(path)
    async with app:
        await stock(app, task, BULK)
        calls = [[task.call(n) for n in range(at, at + BULK)] for at in range(0, count, BULK)]
        with Span() as span:
            for page in calls:
                await app.enqueue_many(page)
    return span.answer(len(calls) * BULK)


async def pick_up(path: Path) -> Answer:
    """A worker that prints, for each job that is added by another process, when it began; ends with its input."""
    app, _ = open_shop(path)
    began: asyncio.Queue[int] = asyncio.Queue()

    @app.task(queue=QUEUE)
    async def note(n: int) -> None:  # noqa: ARG001
        began.put_nowait(time.monotonic_ns())

    async def report(worker: Any) -> None:
        while True:
            await worker.run_until_idle()
            print("idle", flush=True)
            print(await began.get(), flush=True)

    async with app, app.worker(QUEUE, concurrency=10) as worker:
        reporting = asyncio.create_task(report(worker))
        await asyncio.to_thread(sys.stdin.read)
        reporting.cancel()
    return {}


async def idle(path: Path, *, seconds: int) -> Answer:
    """The time that an idle worker's process spends on the processor, as a share of the time that passes."""
    app, _ = open_shop(path)
    async with app, app.worker(QUEUE, concurrency=100) as worker:
        await worker.run_until_idle()
        await asyncio.sleep(IDLE_AFTER_S)
        with Span() as span:
            await asyncio.sleep(seconds)
    return {"percent": 100 * span.processor_s / span.seconds}


async def memory(path: Path, *, count: int) -> Answer:
    """The memory of a worker's process after a tenth, a half and all of so many jobs, which wait in the file."""
    app, _ = open_shop(path)
    marks = {count // 10, count // 2, count}
    sizes: list[float] = []
    done = 0

    @app.task(queue=QUEUE)
    async def nothing(n: int) -> None:  # noqa: ARG001
        nonlocal done
        done += 1
        if done in marks:
            sizes.append(_resident_mib())

    async with app:
        before = _resident_mib()
        async with app.worker(QUEUE, concurrency=100) as worker:
            await worker.run_until_idle()
    return {"before": before, "sizes": sizes}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


MEASUREMENTS: Final[Mapping[str, Callable[..., Coroutine[Any, Any, Answer]]]] = {
    function.__name__: function
    for function in (fill, fill_finished, drain, add_many, add_many_made, add_single, latency, pick_up, idle, memory)
}


def main() -> None:
    name, path, given = sys.argv[1:]
    print(json.dumps(asyncio.run(MEASUREMENTS[name](Path(path), **json.loads(given)))))


if __name__ == "__main__":
    main()
