"""Twenty workers are told the same: how long until the last has answered is printed, and held to a generous bound."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from headrace import App, Worker
from headrace.engine.control import CALM_S

WORKERS = 20
BOUND_S = 10.0  # a second is what is promised on a machine that has time
PATIENCE_S = 60.0


async def test_the_last_of_twenty_answers_within_a_second(app: App) -> None:
    @app.task
    async def noop() -> None: ...

    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        # From another store object, as from another process; memory is one for all.
        url = app.settings.url or ""
        elsewhere = app if url == "memory://" else await stack.enter_async_context(App(settings=app.settings))
        workers = [await stack.enter_async_context(app.worker(concurrency=2)) for _ in range(WORKERS)]
        while len(await elsewhere.workers.list()) < WORKERS:
            await asyncio.sleep(CALM_S)
        await _tell_all(elsewhere, workers)


async def _tell_all(app: App, workers: list[Worker]) -> None:
    desk, names = app.workers, [worker.id for worker in workers]
    half = WORKERS // 2
    slowest = 0.0
    for order, told, count in (
        ("ping", desk.ping(), WORKERS),
        ("stacks", desk.stacks(), WORKERS),
        ("pause", desk.pause(*names), WORKERS),
        ("resume", desk.resume(*names), WORKERS),
        ("set", desk.set_concurrency(3, *names), WORKERS),
        ("drain", desk.drain(*names[:half]), half),
        ("stop", desk.stop(*names[half:]), half),
    ):
        took, answers = await _timed(told)
        print(f"{order}: the last of {count} after {took:.3f} s")
        assert set(answers) <= set(names)
        assert len(answers) == count
        slowest = max(slowest, took)
    assert [worker.concurrency for worker in workers] == [3] * WORKERS
    assert slowest < BOUND_S


async def _timed(told: Awaitable[dict[str, object]]) -> tuple[float, dict[str, object]]:
    began = time.monotonic()
    answers = await told
    return time.monotonic() - began, answers
