"""Worker processes of the service, of which one is killed every now and then, and replaced."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

PACKAGE = __package__ or ""
ROOT = Path(__file__).parents[PACKAGE.count(".") + 1]


class Crew:
    """Processes that work; each is told the same. What they complain about is in the file `log`."""

    def __init__(self, told: Sequence[str], log: Path) -> None:
        self.kills = 0
        self._told, self._log = told, log
        self._workers: list[subprocess.Popen[str]] = []

    async def hire(self) -> None:
        """Start one more; it is ready when this returns."""
        command = [sys.executable, "-m", f"{PACKAGE}.worker", *self._told]
        pipe = subprocess.PIPE
        with self._log.open("a") as log:
            made = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self._workers.append(made)
        assert made.stdout is not None
        if await asyncio.to_thread(made.stdout.readline) != "ready\n":
            raise RuntimeError(f"a worker did not start: {self._log.read_text()}")

    async def lose(self, every_s: float, seed: int, enough: asyncio.Event) -> None:
        """Every so often kill one, as `kill -9` does, amid its jobs, and hire another, until it is enough."""
        dice = random.Random(seed)
        while not enough.is_set():
            try:
                await asyncio.wait_for(enough.wait(), every_s)
            except TimeoutError:
                self._kill(dice.randrange(len(self._workers)))
                self.kills += 1
                await self.hire()

    def dismiss(self) -> None:
        """End all that are left."""
        while self._workers:
            self._kill(0)

    def _kill(self, number: int) -> None:
        worker = self._workers.pop(number)
        assert worker.stdin is not None
        assert worker.stdout is not None
        with closing(worker.stdin), closing(worker.stdout):
            worker.kill()
            worker.wait()


@asynccontextmanager
async def crew(told: Sequence[str], log: Path, size: int, kill_every_s: float, seed: int) -> AsyncGenerator[Crew]:
    """So many workers, one of which is killed every so often while the block lasts; none outlives it."""
    made, enough = Crew(told, log), asyncio.Event()
    try:
        await asyncio.gather(*(made.hire() for _ in range(size)))
        async with asyncio.TaskGroup() as group:
            group.create_task(made.lose(kill_every_s, seed, enough))
            try:
                yield made
            finally:
                enough.set()
    finally:
        made.dismiss()
