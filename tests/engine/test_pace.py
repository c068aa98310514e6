"""The rate of a worker: no more of its jobs start in any span, and each starts as soon as it may."""

import asyncio
import random
from itertools import pairwise

import pytest

from headrace.core.limits import Rate
from headrace.engine.pace import Pace
from headrace.worker import Worker
from tests.engine.simulation import now, simulated
from tests.engine.workshop import add, memory, registry, run_until_idle


def most_in(starts: list[float], span_s: float) -> int:
    """The most starts in any span, which is half open."""
    return max(sum(start <= other < start + span_s - 1e-9 for other in starts) for start in starts)


@simulated
async def test_a_worker_starts_no_more_jobs_in_any_span_and_none_too_late() -> None:
    store, starts = await memory(), []

    async def note() -> None:
        starts.append(now())

    await add(store, *["note"] * 22)
    worker = await run_until_idle(store, registry(note), concurrency=100, rate=Rate(5, 1_000))
    assert worker.processed == 22
    assert most_in(starts, 1) == 5
    assert starts[-1] - starts[0] == pytest.approx(4, abs=0.05)


@simulated
async def test_the_window_slides() -> None:
    store, starts = await memory(), []

    async def note() -> None:
        starts.append(now())

    async with Worker(store, registry(note), rate=Rate(3, 1_000)):
        begun = now()
        for pause in (0.0, 0.3, 0.3, 0.3, 0.0, 0.0):
            await asyncio.sleep(pause)
            await add(store, "note")
        await asyncio.sleep(5)
    assert [start - begun for start in starts] == pytest.approx([0, 0.3, 0.6, 1.0, 1.3, 1.6], abs=0.02)


@simulated
async def test_each_worker_has_a_rate_of_its_own() -> None:
    store, starts = await memory(), []

    async def note() -> None:
        starts.append(now())

    await add(store, *["note"] * 20)
    made = registry(note)
    async with Worker(store, made, rate=Rate(2, 1_000)), Worker(store, made, rate=Rate(3, 1_000)):
        await asyncio.sleep(3.5)
    assert most_in(starts, 1) == 5
    assert len(starts) == 20


@simulated
async def test_a_worker_that_waits_for_its_rate_can_be_drained_at_once() -> None:
    store, starts = await memory(), []

    async def note() -> None:
        starts.append(now())

    await add(store, "note", "note")
    async with Worker(store, registry(note), rate=Rate(1, 3_600_000)):
        await asyncio.sleep(1)
        begun = now()
    assert (len(starts), now() - begun < 1) == (1, True)


@simulated
async def test_starts_are_never_too_many_and_the_pace_says_when_more_may_start() -> None:
    chance = random.Random(7)
    for most, per_ms in ((1, 1), (3, 50), (200, 1_000), (1_000, 333)):
        opened = asyncio.Event()
        pace = Pace(opened.set)
        pace.change(Rate(most, per_ms))
        starts: list[tuple[float, int]] = []
        for _ in range(300):
            fit = pace.fit(chance.choice((1, 2, most, 2 * most)))
            if fit:
                pace.note(fit)
                starts.append((now(), fit))
                assert sum(count for at, count in starts if now() - at < per_ms / 1000 - 1e-9) <= most
                await asyncio.sleep(chance.choice((0, 0.0004, per_ms / 3_000)))
            else:
                opened.clear()
                async with asyncio.timeout(per_ms / 1000 + 0.003):
                    await opened.wait()
        gaps = [after[0] - before[0] for before, after in pairwise(starts)]
        assert max(gaps) <= per_ms / 1000 + 0.004
        pace.stop()


@simulated
async def test_a_rate_is_changed_and_lifted_while_the_worker_waits_for_it() -> None:
    opened: list[float] = []
    pace = Pace(lambda: opened.append(now()))
    pace.change(Rate(1, 60_000))
    pace.note(pace.fit(5))
    assert pace.fit(5) == 0
    pace.change(Rate(3, 60_000))
    assert (pace.fit(5), len(opened)) == (2, 2), "what has started counts"
    pace.change(None)
    assert (pace.fit(5), len(opened)) == (5, 3)
    await asyncio.sleep(100)
    assert len(opened) == 3, "nothing is left of the old rate"
