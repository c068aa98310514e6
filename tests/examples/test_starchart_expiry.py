"""S22: the schedule of expiry notices, on files of its own and a clock that is moved by hand."""

from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from examples.starchart.expiry import AHEAD_MS
from examples.starchart.expiry_scenario import LATER, S22, SOON, Town, three_days

OWNERS = [SOON, LATER]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


async def test_s22_three_days_are_three_looks_and_each_owner_is_told_once(town: Town) -> None:
    assert await three_days(town, Console(quiet=True)) == S22.expected


async def test_days_without_workers_are_made_up_for_by_one_look(town: Town) -> None:
    await town.work()
    for owner in OWNERS:
        town.rows.add(owner, owner, town.clock.now + AHEAD_MS)
    town.clock.tick(timedelta(days=3))
    for _ in range(2):
        await town.work()
    ending = await town.ending()
    assert (ending.looks, ending.fired) == (("4 May",), 1)
    assert dict(ending.told) == dict.fromkeys(OWNERS, "4 May")


async def test_a_clock_set_back_tells_nobody_again(town: Town) -> None:
    town.rows.add("name", SOON, town.clock.now)
    await town.work()
    for days in (1, -2, 1, 1):
        town.clock.tick(timedelta(days=days))
        await town.work()
    assert (await town.ending()).looks == ("2 May",)


async def test_a_look_that_is_run_again_tells_nobody_twice(town: Town) -> None:
    town.rows.add("name", SOON, town.clock.now)
    await town.work()
    town.clock.tick(timedelta(days=1))
    await town.work()
    async with town.app() as app:
        (job,) = await app.select("completed").jobs()
        assert await job.result(timeout=0) == [SOON]
        await job.retry()
        await town.work()
        assert await job.result(timeout=0) == []
    assert (await town.ending()).looks == ("2 May", "2 May")
