"""What an app does in a second, measured: on a store of its own, with one task, which does nothing."""

import asyncio
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from headrace.app import App
from headrace.core.settings import Settings
from headrace.task import AsyncTask

QUEUE: Final = "bench"
BULK: Final = 1_000  # jobs in one enqueue_many
PAUSE_S: Final = (0.005, 0.025)  # before a job arrives at an idle worker, drawn

NothingTask = AsyncTask[[int], None]
Answer = dict[str, Any]
Place: TypeAlias = Path | Settings
"""A file, or settings that name a server."""


class Span:
    """The time that a block takes, and the time that this process spends on the processor meanwhile."""

    def __enter__(self) -> Self:
        self._spent, self._start = _processor_s(), time.perf_counter()
        return self

    def __exit__(self, *ended: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.processor_s = _processor_s() - self._spent

    def answer(self, count: int) -> Answer:
        """The rate of so many jobs, and what one cost."""
        return {"rate": count / self.seconds, "processor_us": self.processor_s / count * 1e6}


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def open_shop(place: Place) -> tuple[App, NothingTask]:
    """An app there, with no setting from anywhere else, and its task."""
    app = App(settings=place if isinstance(place, Settings) else Settings(url=f"sqlite:///{place}"))

    @app.task(queue=QUEUE)
    async def nothing(n: int) -> None:
        pass

    return app, nothing


async def stock(app: App, task: NothingTask, count: int) -> None:
    """Add so many jobs, in bulk."""
    for start in range(0, count, BULK):
        await app.enqueue_many([task.call(n) for n in range(start, min(start + BULK, count))])


async def fill(place: Place, *, count: int) -> Answer:
    """Add jobs."""
    app, task = open_shop(place)
    async with app:
        await stock(app, task, count)
    return {}


async def drain(place: Place, *, concurrency: int, count: int) -> Answer:
    """Process the jobs that wait: from the start of a worker until it has recorded the last one."""
    app, _ = open_shop(place)
    async with app:
        worker = app.worker(QUEUE, concurrency=concurrency)
        with Span() as span:
            await worker.start()
            await worker.run_until_idle()
        assert worker.processed == count
        await worker.close()
    return span.answer(count)


async def add_many(place: Place, *, count: int) -> Answer:
    """Add jobs in bulk: making the calls, and storing them."""
    app, task = open_shop(place)
    async with app:
        await stock(app, task, BULK)
        with Span() as span:
            await stock(app, task, count)
    return span.answer(count)


async def add_single(place: Place, *, count: int, tasks: int) -> Answer:
    """Add jobs one by one, each awaited, from so many tasks."""
    app, task = open_shop(place)
    each = count // tasks

    async def add(times: int) -> None:
        for n in range(times):
            await task.enqueue(n)

    async with app:
        await add(10)
        with Span() as span:
            await asyncio.gather(*(add(each) for _ in range(tasks)))
    return span.answer(each * tasks)


async def latency(place: Place, *, count: int) -> Answer:
    """From just before the enqueue to the first line of the handler, worker and caller in one process."""
    app, _ = open_shop(place)
    began: asyncio.Queue[int] = asyncio.Queue()

    @app.task(queue=QUEUE)
    async def note(n: int) -> None:  # noqa: ARG001 - a job has data
        began.put_nowait(time.monotonic_ns())

    waits: list[float] = []
    async with app, app.worker(QUEUE, concurrency=10) as worker:
        for n in range(count):
            await worker.run_until_idle()
            await asyncio.sleep(random.uniform(*PAUSE_S))
            asked = time.monotonic_ns()
            await note.enqueue(n)
            waits.append((await began.get() - asked) / 1e6)
    return {"ms": waits}


def percentile(spans: Sequence[float], share: float) -> float:
    """The span that this share of them did not exceed."""
    return sorted(spans)[min(int(share * len(spans)), len(spans) - 1)]
