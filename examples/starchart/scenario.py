"""What becomes of the flow when all goes well, and when DNS is down for good: S1 and S4 of a longer list.

python -m examples.starchart.scenario [--engine sqlite] [S1] [S4]
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from .app import Starchart, read_scale, starchart
from .ending import Ending, Step, look
from .fake_dns import FakeDns, Faults
from .show import compare, say, watch

ADDRESS = "192.0.2.7"
DEMO_SCALE = 0.01  # slow enough to watch: a pause of 15 s takes 150 ms


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong while a subdomain is made, and the ending that must follow."""

    id: str
    title: str
    faults: Faults
    expected: Ending
    work_type: str = "create"
    teaches: str = ""

    @property
    def name(self) -> str:
        """The subdomain: one of its own for each scenario."""
        return f"{self.id.lower()}.students.example"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenarios are played: the service, a DNS provider that fails when told to, and where to show it."""

    service: Starchart
    dns: FakeDns
    console: Console


S1 = Scenario(
    "S1",
    "All goes well; the change is in sync at the third poll",
    Faults(insync_after_polls=3),
    Ending(
        {
            "sync_db_status": Step("completed", 1),
            "add_db_record": Step("completed", 1),
            "check_dns_status": Step("completed", 3),
            "create_dns_record": Step("completed", 1),
        },
        row="active",
        is_in_zone=True,
    ),
)
S4 = Scenario(
    "S4",
    "The DNS provider is down for good",
    Faults(down=True),
    Ending(
        {
            "sync_db_status": Step("failed", 0),
            "add_db_record": Step("completed", 1),
            "check_dns_status": Step("failed", 0),
            "create_dns_record": Step("failed", 5),
        },
        row="pending",
        is_in_zone=False,
    ),
    teaches="a flow that fails undoes nothing: the row was added beside the DNS branch, not after it, "
    "so it is an orphan now, pending for ever, with no job left to change it.",
)


async def s1(stage: Stage) -> Ending:
    """All four jobs complete, the check at its third attempt, and the row is active."""
    return await play(stage, S1)


async def s4(stage: Stage) -> Ending:
    """One job fails five times, the two above it fail without being run, and the fourth leaves a pending row."""
    return await play(stage, S4)


async def play(stage: Stage, scenario: Scenario) -> Ending:
    """Ask for a subdomain, watch until every job of its flow has ended, and see what is left."""
    service = stage.service
    stage.dns.set_faults(scenario.faults)
    job = await service.app.enqueue(service.create(scenario.name, ADDRESS, scenario.work_type))
    await watch(stage.console, service.app, job)
    return await look(service, stage.dns, job, scenario.name)


SCENARIOS = {"S1": (S1, s1), "S4": (S4, s4)}


async def _demo(console: Console, ids: Sequence[str], scale: float) -> bool:
    say(console, f"Pauses of 15, 30, 60 s and more are multiplied by {scale:g} here.\n")
    endings: list[tuple[Scenario, Ending]] = []
    with TemporaryDirectory() as folder, FakeDns() as dns:
        url, records = f"sqlite:///{folder}/headrace.db", Path(folder, "records.db")
        service = starchart(url, records=records, dns=dns.url, scale=scale)
        async with service.app, service.app.worker():
            for scenario, play_it in map(SCENARIOS.__getitem__, ids):
                say(console, f"{scenario.id}: {scenario.title}", "bold")
                endings.append((scenario, await play_it(Stage(service, dns, console))))
    compare(console, {scenario.id: (scenario.expected.facts(), ending.facts()) for scenario, ending in endings})
    for scenario, _ in endings:
        if scenario.teaches:
            say(console, f"\n{scenario.id} teaches: {scenario.teaches}")
    return all(ending == scenario.expected for scenario, ending in endings)


def demo(console: Console | None = None, ids: Sequence[str] = tuple(SCENARIOS)) -> int:
    """Play the scenarios on a fresh SQLite file and show them: 0 if all ended as expected, else 1."""
    is_fine = asyncio.run(_demo(console or Console(), ids, read_scale(DEMO_SCALE)))
    return 0 if is_fine else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.starchart.scenario", description="Play scenarios.")
    parser.add_argument("--engine", choices=("sqlite", "postgres", "redis"), default="sqlite")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=" or ".join(SCENARIOS))
    given = parser.parse_args()
    if given.engine != "sqlite":
        parser.error(f"{given.engine} comes with a later release of Headrace; sqlite is there")
    unknown = [name for name in given.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    try:
        return demo(ids=given.scenarios or tuple(SCENARIOS))
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
