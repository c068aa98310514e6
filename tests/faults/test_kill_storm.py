"""SIGKILL after SIGKILL while jobs run: every acknowledged job is finished, once, and nothing is left over."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from headrace.core.jobs import JobRef
from tests.faults.site import Mill, Site, site

PAGE = 500


async def storm(here: Site, seed: int, kills: int, jobs: int, pause_s: tuple[float, float]) -> list[JobRef]:
    """Add jobs and kill workers at random moments until both are used up; then let the rest be done."""
    dice = random.Random(seed)
    refs: list[JobRef] = []
    mills: list[Mill] = [await here.mill(), await here.mill()]
    for number in range(kills):
        while len(refs) < jobs * (number + 1) // kills:
            page = min(PAGE, jobs * (number + 1) // kills - len(refs))
            refs += await here.add("nap", *[f'{{"ms":{dice.choice([0, 1, 5, 20, 60])}}}' for _ in range(page)])
        await asyncio.sleep(dice.uniform(*pause_s))
        victim = dice.randrange(len(mills))
        mills[victim].kill()
        here.mills.remove(mills[victim])
        mills[victim] = await here.mill()
        await here.follow()
    end = time.monotonic() + 30
    while await here.unfinished():
        assert time.monotonic() < end, "jobs are stuck"
        await asyncio.sleep(0.1)
        await here.follow()
    await here.follow()
    return refs


async def check(here: Site, refs: list[JobRef], seed: int) -> None:
    assert len(set(refs)) == len(refs)
    wrong = {ref.id: here.ends(ref.id) for ref in refs if here.ends(ref.id) != ["completed"]}
    assert not wrong, f"seed {seed}: {wrong}"
    jobs = [await here.get(ref) for ref in refs]
    assert {job.state for job in jobs} == {"completed"}
    assert {job.attempts_made for job in jobs} == {1}
    stalls = sum(job.stalls for job in jobs)
    print(f"seed {seed}: {len(jobs)} jobs, {stalls} runs were cut short")
    assert stalls, f"seed {seed}: no kill hit a running job; this run says nothing"
    for job in jobs:
        runs = sum(change.state == "active" for change in here.changes[job.id])
        assert runs == job.attempts_started == job.stalls + 1, job


@pytest.mark.parametrize("seed", [20261122])
async def test_a_short_storm_loses_nothing_and_finishes_nothing_twice(tmp_path: Path, seed: int) -> None:
    async with site(tmp_path) as here:
        refs = await storm(here, seed, kills=15, jobs=3_000, pause_s=(0.05, 0.4))
        await check(here, refs, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
async def test_a_long_storm_loses_nothing_and_finishes_nothing_twice(tmp_path: Path, seed: int) -> None:
    async with site(tmp_path) as here:
        refs = await storm(here, seed, kills=200, jobs=60_000, pause_s=(0.05, 1.0))
        await check(here, refs, seed)
