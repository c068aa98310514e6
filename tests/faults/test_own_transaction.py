"""A process that is killed in a transaction of its own: its row and the jobs with it are there, or none of them is."""

import asyncio
import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from headrace.storage.sql.connect import connect
from tests.crash.tables import faults
from tests.faults.till import shop
from tests.house.source import ROOT

LIVES, LIVES_LONG = 8, 100


class Till:
    def __init__(self, file: Path, *told: str) -> None:
        command = [sys.executable, "-m", "tests.faults.till", str(file), *told]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    async def line(self) -> str:
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        if not line:
            await self.kill()
        return line.strip()

    async def kill(self) -> list[int]:
        """End it in the midst of whatever it does; what it acknowledged since the last line that was read."""
        self._process.kill()
        out, _ = await asyncio.to_thread(self._process.communicate)
        assert self._process.returncode == -signal.SIGKILL  # it had not ended by itself
        return [int(line) for line in out.splitlines()]


def orders(file: Path) -> set[int]:
    with closing(apsw.Connection(str(file))) as db:
        return {number for (number,) in db.execute("select number from orders")}


async def jobs(file: Path) -> dict[str, set[int]]:
    """The numbers of the orders that there are jobs for, by task."""
    app, *_ = shop(file)
    found: dict[str, set[int]] = {"ship": set(), "pack": set()}
    async with app:
        cursor = None
        while True:
            page = await app.select().jobs(limit=1000, after=cursor)
            for job in page:
                assert job.record is not None
                found[job.name].add(job.data["number"])
            if (cursor := page.cursor) is None:
                return found


@pytest.mark.parametrize(("halt", "left"), [("before", set[int]()), ("after", {1})])
async def test_killed_before_the_commit_neither_is_there_and_after_it_both(
    tmp_path: Path, halt: str, left: set[int]
) -> None:
    file = tmp_path / "shop.db"
    till = Till(file, "1", halt)
    assert await till.line() == "here"
    await till.kill()
    assert (orders(file), await jobs(file)) == (left, {"ship": left, "pack": left})


async def many_lives(file: Path, lives: int, seed: int) -> None:
    dice, number, sold = random.Random(seed), 1, 0
    for _ in range(lives):
        till = Till(file, str(number))
        acknowledged = [int(await till.line())]
        await asyncio.sleep(dice.uniform(0, 0.1))
        acknowledged += await till.kill()
        there = orders(file)
        assert set(acknowledged) <= there, f"seed {seed}"
        assert await jobs(file) == {"ship": there, "pack": there}, f"seed {seed}"
        sold, number = len(there), max(there) + 1
    with closing(connect(str(file), is_read_only=True)) as db:
        assert faults(db) == [], f"seed {seed}"
    app, *_ = shop(file)
    async with app:
        await app.worker().run_until_idle()
        assert (await app.queue("default").counts())["completed"] == 2 * sold
    print(f"seed {seed}: {lives} lives, {sold} orders")


async def test_in_a_few_lives_no_row_is_without_its_flow_nor_a_flow_without_its_row(tmp_path: Path) -> None:
    await many_lives(tmp_path / "shop.db", LIVES, seed=20261122)


@pytest.mark.soak
async def test_in_many_lives_no_row_is_without_its_flow_nor_a_flow_without_its_row(tmp_path: Path) -> None:
    await many_lives(tmp_path / "shop.db", LIVES_LONG, seed=1)
