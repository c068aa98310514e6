"""S19: a thousand subdomains of variant B at once; the provider fails now and then, and workers are killed."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import headrace

from .app import Starchart, starchart
from .crew import crew
from .fake_dns import FakeDns, Faults
from .show import say
from .stage import ADDRESS, Scenario, Stage

SCALE = 0.01
"""Not less: a change may take a day times this, and on a slow machine a thousand of them take minutes."""

CALLERS = 32  # threads that ask, as those of a web server do
ENDED = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many flows at once, for so many workers, of which one is killed every so many seconds."""

    flows: int = 1000
    workers: int = 3
    kill_every_s: float = 1.0
    lease_s: float = 2.0
    """How long the jobs of a worker that was killed wait until another may have them."""
    seed: int = 19


@dataclass(frozen=True, slots=True)
class CrowdEnding:
    """What came of them all: flows that ended, rows that are active, names that are in the zone."""

    ended: int
    active: int
    in_zone: int

    def facts(self) -> dict[str, str]:
        """The same in words."""
        return {"flows that ended": f"{self.ended}", "active rows": f"{self.active}", "in the zone": f"{self.in_zone}"}


@dataclass(frozen=True, slots=True)
class Course:
    """How it went: the milliseconds from add to end of each flow, workers killed, runs that were cut short so."""

    took_ms: Sequence[int]
    kills: int
    stalls: int

    def __str__(self) -> str:
        half, most, last = (quantile(self.took_ms, share) / 1000 for share in (0.5, 0.95, 1))
        return (
            f"Half of the flows took {half:.1f} s at most, 95 % {most:.1f} s, the slowest {last:.1f} s. "
            f"{self.kills} workers were killed, which cut short {self.stalls} runs."
        )


S19 = Scenario(
    "S19",
    "Variant B, a thousand at once: 5 % of all answers are 503, and every second one of three workers is killed",
    Faults(error_ratio=0.05, seed=19, insync_after_polls=2),
    CrowdEnding(ended=1000, active=1000, in_zone=1000),
    teaches="what a killed worker had begun is begun again when its lease has ended, and by its key the provider knows "
    "the same request: no flow is lost, and no row is active without a name in the zone.",
)


async def s19(stage: Stage) -> CrowdEnding:
    """All flows complete, however often their workers are killed."""
    stage.set_faults(S19)
    with TemporaryDirectory() as folder:
        ending, course = await play_crowd(stage.dns, Path(folder), Crowd())
    say(stage.console, f"{course}\n")
    return ending


async def play_crowd(dns: FakeDns, folder: Path, crowd: Crowd) -> tuple[CrowdEnding, Course]:
    """Ask for all at once, in a store of their own, and wait until each flow has ended."""
    file = folder / "crowd.db"
    url = f"sqlite:///{file}"
    service = starchart(url, records=file, dns=dns.url, acme=dns.url, scale=SCALE)
    told = [url, str(file), dns.url, str(SCALE), str(crowd.lease_s)]
    async with service.app, crew(told, folder / "crew.log", crowd.workers, crowd.kill_every_s, crowd.seed) as workers:
        roots = await request_all(service, crowd.flows)
        await asyncio.gather(*(ended(root) for root in roots))
        return await look(service, dns, roots), await review(service, roots, workers.kills)


async def request_all(service: Starchart, flows: int) -> list[headrace.Job[None]]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CALLERS) as callers:
        names = [f"{number}.{S19.name}" for number in range(flows)]
        return await asyncio.gather(*(loop.run_in_executor(callers, service.request, name, ADDRESS) for name in names))


async def ended(root: headrace.Job[Any]) -> None:
    """Wait for the end of a flow, whatever it is."""
    try:
        await root.result()
    except headrace.errors.JobFailed:
        return


async def look(service: Starchart, dns: FakeDns, roots: Sequence[headrace.Job[None]]) -> CrowdEnding:
    """What has become of them, as the store, the table and the zone say."""
    states = [await root.state() for root in roots]
    return CrowdEnding(
        ended=sum(state in ENDED for state in states),
        active=service.records.count("active"),
        in_zone=sum(entry["name"].endswith(f".{S19.name}") for entry in dns.zone()),
    )


async def review(service: Starchart, roots: Sequence[headrace.Job[None]], kills: int) -> Course:
    took: list[int] = []
    stalls = 0
    for root in roots:
        for node in (await service.app.tree(root)).nodes:
            if (record := node.record) is None:
                continue
            stalls += record.stalls
            if node.depth == 0 and record.finished_at is not None:
                took.append(record.finished_at - record.added_at)
    return Course(took, kills, stalls)


def quantile(values: Sequence[int], share: float) -> int:
    """The value that so large a share of them does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]
