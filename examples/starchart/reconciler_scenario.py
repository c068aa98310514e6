"""S20: five hundred changes in a second, three workers, and few runs of the reconciler, one after the other."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import headrace

from .ending import yes
from .fake_dns import Faults
from .reconciler import QUEUE, SOON_S, MakeWish
from .show import say
from .stage import Scenario, Stage

CHANGES, BURST_S, WORKERS, RUNS_MAX = 500, 1.0, 3, 3


@dataclass(frozen=True, slots=True)
class ReconcilerEnding:
    """Whether the runs were few, how many of them there were at once, and whether the zone has the last change."""

    is_few: bool
    at_once: int
    is_last_in_zone: bool

    def facts(self) -> dict[str, str]:
        """The same in words."""
        return {
            "few runs": yes(self.is_few),
            "runs at once": str(self.at_once),
            "last in the zone": yes(self.is_last_in_zone),
        }


S20 = Scenario(
    "S20",
    f"A reconciler, asked {CHANGES} times in a second, with three workers",
    Faults(),
    ReconcilerEnding(is_few=True, at_once=1, is_last_in_zone=True),
    teaches="one dedup key makes a job the only one of its kind, and `keep_last` keeps the change that comes while it "
    "runs: however often it is asked for, no two run at once, and none is asked for in vain.",
)


async def s20(stage: Stage) -> ReconcilerEnding:
    """A run for all that has come in a second, and one more for what came while it ran."""
    stage.set_faults(S20)
    app = stage.service.app
    async with AsyncExitStack() as stack:
        for _ in range(WORKERS - 1):  # the stage has one
            await stack.enter_async_context(app.worker(QUEUE))
        took_s = await asyncio.to_thread(change_often, stage.service.wish, S20.name)
        runs = await all_runs(app)
    say(stage.console, f"{CHANGES} changes in {took_s:.1f} s, {len(runs)} runs.\n")
    last = any((entry["name"], entry["value"]) == (S20.name, value(CHANGES)) for entry in stage.dns.zone())
    return ReconcilerEnding(len(runs) <= RUNS_MAX + took_s // SOON_S, most_at_once(runs), last)


def change_often(wish: MakeWish, name: str) -> float:
    """One change after the other, spread over a second; how long it was, for a slow machine takes longer."""
    begin = time.monotonic()
    for number in range(1, CHANGES + 1):
        time.sleep(max(0.0, begin + number * BURST_S / CHANGES - time.monotonic()))
        wish(name, value(number))
    return time.monotonic() - begin


def value(number: int) -> str:
    return f"198.51.{100 + number // 250}.{number % 250}"


async def all_runs(app: headrace.App) -> list[headrace.JobRecord]:
    """The jobs of the reconciler, once there is no other to come."""
    while True:
        jobs = (await app.queue(QUEUE).jobs()).jobs
        open_jobs = [job for job in jobs if await job.state() != "completed"]
        if not open_jobs:
            return [await job.refresh() for job in jobs]
        await open_jobs[0].result()


def most_at_once(runs: Sequence[headrace.JobRecord]) -> int:
    """How many of them ran at one time, at most: those that one of them found running when it began, and itself."""
    spans = [(run.started_at or 0, run.finished_at or 0) for run in runs]
    return 1 + max(sum(other[0] <= span[0] < other[1] for other in spans if other is not span) for span in spans)
