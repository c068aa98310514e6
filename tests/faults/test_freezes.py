"""Workers frozen for longer than their leases, again and again: when they wake they are fenced, and rules hold."""

import asyncio
import random
import signal

import pytest

from tests.faults.ground import Ground
from tests.faults.site import Site, site
from tests.faults.test_kill_storm import some_jobs, until_done

LEASE_MS = 500


async def freeze(here: Site, seed: int, times: int, jobs: int) -> int:
    """Keep two workers busy, and freeze one of them so many times; how many jobs there were."""
    dice = random.Random(seed)
    mills = [await here.mill(), await here.mill()]
    added = 0
    for _ in range(times):
        added += len(await here.add_jobs(*some_jobs(dice, jobs // times, added)))
        await asyncio.sleep(dice.uniform(0, 0.05))
        victim = dice.choice(mills)
        victim.send(signal.SIGSTOP)
        await asyncio.sleep(LEASE_MS / 1000 * dice.uniform(1.2, 3))
        victim.send(signal.SIGCONT)
        await here.follow()
    await until_done(here)
    return added


async def check(here: Site, added: int, seed: int) -> None:
    assert await here.findings(least=added) == [], f"seed {seed}"
    stalls = sum(change.cause == "stalled" for changes in here.changes.values() for change in changes)
    print(f"seed {seed}: {added} jobs, {stalls} leases ended while their worker was frozen")
    assert stalls, f"seed {seed}: no freeze hit a running job; this run says nothing"


async def test_frozen_workers_are_fenced_when_they_wake(ground: Ground) -> None:
    async with site(ground, LEASE_MS, is_recorded=True) as here:
        await check(here, await freeze(here, 20261122, times=5, jobs=1_000), 20261122)


@pytest.mark.soak
async def test_workers_frozen_five_hundred_times_are_fenced_when_they_wake(ground: Ground) -> None:
    async with site(ground, LEASE_MS, is_recorded=True) as here:
        await check(here, await freeze(here, 1, times=500, jobs=100_000), 1)
