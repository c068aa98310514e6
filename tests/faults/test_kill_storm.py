"""SIGKILL after SIGKILL while jobs run: every acknowledged job is finished, once, and nothing is left over.

Callers and workers write down what they see; the rules of `tests/history` look for what cannot be.
"""

import asyncio
import random
import time

import pytest

from headrace.core.jobs import JobRef, NewJob, Options, Parent
from tests.faults.ground import Ground
from tests.faults.site import Mill, Site, site

PAGE = 500
STUCK_S = 30  # without any job that ended
STURDY = Options(max_stalled=1_000)


async def storm(here: Site, seed: int, kills: int, jobs: int, pause_s: tuple[float, float]) -> list[JobRef]:
    """Add jobs and kill workers at random moments until both are used up; then let the rest be done."""
    dice = random.Random(seed)
    refs: list[JobRef] = []
    mills: list[Mill] = [await here.mill(), await here.mill()]
    for number in range(kills):
        while len(refs) < jobs * (number + 1) // kills:
            page = min(PAGE, jobs * (number + 1) // kills - len(refs))
            refs += await here.add_jobs(*some_jobs(dice, page, len(refs)))
        await asyncio.sleep(dice.uniform(*pause_s))
        victim = dice.randrange(len(mills))
        mills[victim].kill()
        here.mills.remove(mills[victim])
        mills[victim] = await here.mill()
        await here.follow()
    await until_done(here)
    return refs


async def until_done(here: Site) -> None:
    """Wait until nothing is left to be done, and follow the events to their end."""
    left, since = 0, time.monotonic()
    while unfinished := await here.unfinished():
        if unfinished != left:
            left, since = unfinished, time.monotonic()
        assert time.monotonic() < since + STUCK_S, f"{left} jobs are stuck"
        await asyncio.sleep(0.1)
        await here.follow()
    await here.follow()


def some_jobs(dice: random.Random, count: int, number: int) -> list[NewJob]:
    """Short ones and long ones, some delayed, and a flow now and then; each finds out by itself what it is."""
    jobs: list[NewJob] = []
    while len(jobs) < count:
        data = f'{{"ms":{dice.choice([0, 1, 5, 20, 60])}}}'
        if len(jobs) + 4 <= count and dice.random() < 0.03:
            root = f"root-{number + len(jobs)}"
            jobs.append(NewJob("q", "nap", data, root, options=STURDY, has_children=True))
            jobs += [NewJob("q", "nap", data, options=STURDY, parent=Parent("q", root)) for _ in range(3)]
        else:
            delay_ms = dice.choice([100, 700]) if dice.random() < 0.1 else 0
            jobs.append(NewJob("q", "nap", data, delay_ms=delay_ms, options=STURDY))
    return jobs


async def check(here: Site, refs: list[JobRef], seed: int) -> None:
    assert len(set(refs)) == len(refs)
    wrong = {ref.id: here.ends(ref.id) for ref in refs if here.ends(ref.id) != ["completed"]}
    assert not wrong, f"seed {seed}: {wrong}"
    jobs = await here.get_all(refs)
    assert {job.state for job in jobs} == {"completed"}
    assert {job.attempts_made for job in jobs} == {1}
    assert await here.findings(least=len(refs)) == [], f"seed {seed}"
    await here.ground.assert_whole(here.store)
    stalls = sum(job.stalls for job in jobs)
    print(f"seed {seed}: {len(jobs)} jobs, {stalls} runs were cut short")
    assert stalls, f"seed {seed}: no kill hit a running job; this run says nothing"
    for job in jobs:
        runs = sum(change.state == "active" for change in here.changes[job.id])
        assert runs == job.attempts_started == job.stalls + 1, job


@pytest.mark.parametrize("seed", [20261122])
async def test_a_short_storm_loses_nothing_and_finishes_nothing_twice(ground: Ground, seed: int) -> None:
    kills, jobs = (12, 2_500) if ground.server is None else (6, 1_000)
    async with site(ground, is_recorded=True) as here:
        refs = await storm(here, seed, kills, jobs, pause_s=(0.05, 0.4))
        await check(here, refs, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
async def test_a_long_storm_loses_nothing_and_finishes_nothing_twice(ground: Ground, seed: int) -> None:
    async with site(ground, is_recorded=True) as here:
        refs = await storm(here, seed, kills=1_000, jobs=200_000, pause_s=(0.05, 1.0))
        await check(here, refs, seed)
