"""An idle worker: how soon it begins a job that arrives, and what it costs while none does."""

import asyncio
import random
import time
from pathlib import Path
from statistics import median, quantiles
from typing import IO, Final

from benchmarks.bench import Bench
from benchmarks.children import ask, beside
from benchmarks.figure import Figure, Goal, Limit
from headrace.cli.measures import open_shop
from headrace.storage.sql.limits import PAUSE_S, lone_commit_ms

JOBS: Final = 100
RUNS_MAX: Final = 3
IDLE_S: Final = 5


def one_process(bench: Bench) -> list[Figure]:
    """Worker and caller on one loop."""
    figures = _figures("latency", "to start, 1 process", 1.0)
    for _ in range(bench.times(RUNS_MAX)):
        file = bench.file()
        before = lone_commit_ms(bench.folder)
        waits = ask("latency", file, count=bench.amount(JOBS))["ms"]
        _note(figures, waits, (before + lone_commit_ms(bench.folder)) / 2)
        bench.drop(file)
    return figures


def two_processes(bench: Bench) -> list[Figure]:
    """The caller here, the worker in another process on the same file."""
    figures = _figures("latency-across", "to start, 2 processes", 5.0)
    for _ in range(bench.times(RUNS_MAX)):
        file = bench.file()
        before = lone_commit_ms(bench.folder)
        ask("fill", file, count=0)
        with beside("pick_up", file) as worker:
            assert worker.stdout is not None
            waits = asyncio.run(_ask_across(file, worker.stdout, bench.amount(JOBS)))
        _note(figures, waits, (before + lone_commit_ms(bench.folder)) / 2)
        bench.drop(file)
    return figures


async def _ask_across(file: Path, lines: IO[str], count: int) -> list[float]:
    app, _ = open_shop(file)
    waits: list[float] = []
    async with app:
        queue = app.queue("bench")
        for n in range(count):
            assert (await asyncio.to_thread(lines.readline)).strip() == "idle"
            await asyncio.sleep(random.uniform(*PAUSE_S))
            asked = time.monotonic_ns()
            await queue.add("note", {"n": n})
            began = int(await asyncio.to_thread(lines.readline))
            waits.append((began - asked) / 1e6)
        await asyncio.to_thread(lines.readline)
    return waits


def _figures(name: str, title: str, most_ms: float) -> list[Figure]:
    limit = "a commit after a pause"
    return [
        Figure(f"{name}-p50", f"{title}, p50", "ms", limit=Limit(limit), goal=Goal(most_ms, "at most")),
        Figure(f"{name}-p99", f"{title}, p99", "ms", limit=Limit(limit)),
    ]


def _note(figures: list[Figure], waits: list[float], best: float) -> None:
    spread = (median(waits), quantiles(waits, n=100, method="inclusive")[98])
    for figure, value in zip(figures, spread, strict=True):
        figure.samples.append(value)
        assert figure.limit is not None
        figure.limit.samples.append(best)


def idle_worker(bench: Bench) -> list[Figure]:
    """The processor time of a worker's process that has nothing to do."""
    figure = Figure("idle", "processor, idle worker", "% of a core", goal=Goal(1.0, "at most"))
    for _ in range(bench.times(1)):
        file = bench.file()
        figure.samples.append(ask("idle", file, seconds=1 if bench.is_quick else IDLE_S)["percent"])
        bench.drop(file)
    return [figure]
