"""Workers and the Redis itself are killed at random moments: what was acknowledged is finished, once.

With `appendfsync always` a server that is killed has everything that it has acknowledged. An Add without an answer may
or may not have happened; whichever it is, the rules of `tests/history` hold.
"""

import asyncio
import random

import pytest

from headrace.core.errors import Unavailable
from headrace.core.jobs import JobRef
from tests.faults.ground import Ground
from tests.faults.site import Site, site
from tests.faults.test_kill_storm import check, some_jobs, until_done

AHEAD_MAX = 5_000  # jobs; beyond, adding waits for the workers
PAGE = 60  # more at a time than the workers do between two pages, so that a kill finds them at work


class Adder:
    """Adds jobs, a few at a time, whether or not the server is there."""

    def __init__(self, here: Site, dice: random.Random, pause_s: float) -> None:
        self.refs: list[JobRef] = []
        self.unanswered = 0
        self._here, self._dice, self._pause_s = here, dice, pause_s

    async def run(self) -> None:
        number = 0
        while True:
            jobs = some_jobs(self._dice, PAGE, number)
            number += len(jobs)
            try:
                if await self._here.unfinished() < AHEAD_MAX:
                    self.refs += await self._here.add_jobs(*jobs)
            except Unavailable:
                self.unanswered += 1
            await asyncio.sleep(self._pause_s)


async def storm(here: Site, seed: int, kills: int, pause_s: float) -> list[JobRef]:
    """Kill the server and the workers by turns while jobs are added; then let the rest be done."""
    server = here.ground.server
    assert server is not None
    dice = random.Random(seed)
    mills = [await here.mill(), await here.mill()]
    adder = Adder(here, random.Random(seed), pause_s)
    adding = asyncio.create_task(adder.run())
    for number in range(kills):
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        if number % 2 == 0:
            server.kill()
            await asyncio.sleep(dice.choice([0, 0.1, 0.5]))
            await asyncio.to_thread(server.start)
        else:
            victim = mills.pop(dice.randrange(len(mills)))
            victim.kill()
            here.mills.remove(victim)
            mills.append(await here.mill())
        await here.follow()
    adding.cancel()
    await asyncio.wait([adding])
    print(f"seed {seed}: {adder.unanswered} adds had no answer")
    assert adder.unanswered, f"seed {seed}: no kill of the server hit an add; this run says nothing"
    await until_done(here)
    return adder.refs


async def test_a_short_storm_over_workers_and_server_loses_nothing(redis: Ground) -> None:
    async with site(redis, is_recorded=True) as here:
        refs = await storm(here, 20261122, kills=6, pause_s=0.1)
        await check(here, refs, 20261122)


@pytest.mark.soak
async def test_a_long_storm_over_workers_and_server_loses_nothing(redis: Ground) -> None:
    async with site(redis, is_recorded=True) as here:
        refs = await storm(here, 1, kills=500, pause_s=0.02)
        await check(here, refs, 1)
