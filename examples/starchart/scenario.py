"""The showcase as a program: scenarios of a longer list, by name; without a name S1 and S4, which are the demo.

python -m examples.starchart.scenario [--engine sqlite] [NAME …]
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace
from rich.console import Console

from .app import DEFAULTS, read_scale, starchart
from .better_scenarios import S1B, S6B, s1b, s6b
from .cancel_scenarios import S14, s14
from .certificate_scenarios import S16, S18, s16, s18
from .closing_scenarios import S17, s17
from .crowd_scenario import S19, s19
from .expiry_scenario import S22, s22
from .fake_acme import FakeAcme
from .fake_dns import FakeDns
from .notice_scenario import S21, s21
from .published_scenarios import S1, S4, s1, s4
from .reconciler_scenario import S20, s20
from .repair_scenarios import S13, s13
from .show import compare, say
from .sibling_scenarios import S15, s15
from .stage import Facts, Play, Scenario, Stage

DEMO = ("S1", "S4")
LONG = ("S19",)  # half a minute; the tests play a short form of it
OF_THEIR_OWN = ("S1B", "S6B", "S14", "S19", "S20", "S22")  # the jobs are in a SQLite file, with the rows or apart
DEMO_SCALE = 0.01  # slow enough to watch: a pause of 15 s takes 150 ms

SCENARIOS: Mapping[str, tuple[Scenario[Any], Play]] = {
    "S1": (S1, s1),
    "S4": (S4, s4),
    "S1B": (S1B, s1b),
    "S6B": (S6B, s6b),
    "S13": (S13, s13),
    "S14": (S14, s14),
    "S15": (S15, s15),
    "S16": (S16, s16),
    "S17": (S17, s17),
    "S18": (S18, s18),
    "S19": (S19, s19),
    "S20": (S20, s20),
    "S21": (S21, s21),
    "S22": (S22, s22),
}


async def _demo(console: Console, ids: Sequence[str], scale: float, url: str | None) -> bool:
    say(console, f"Pauses of 15, 30, 60 s and more are multiplied by {scale:g} here.\n")
    endings: list[tuple[Scenario[Any], Facts]] = []
    with TemporaryDirectory() as folder, FakeDns() as dns, FakeAcme(dns.zone) as acme:
        file = Path(folder, "starchart.db")  # of the rows, and of the jobs unless they have a server
        settings = DEFAULTS if url is None else replace(DEFAULTS, prefix=f"starchart-{token_hex(4)}")
        url = url or f"sqlite:///{file}"
        service = starchart(url, records=file, dns=dns.url, acme=acme.url, scale=scale, settings=settings)
        async with service.app, service.app.worker():
            for scenario, play_it in map(SCENARIOS.__getitem__, ids):
                say(console, f"{scenario.id}: {scenario.title}", "bold")
                endings.append((scenario, await play_it(Stage(service, dns, acme, console))))
    compare(console, {scenario.id: (scenario.expected.facts(), ending.facts()) for scenario, ending in endings})
    for scenario, _ in endings:
        if scenario.teaches:
            say(console, f"\n{scenario.id} teaches: {scenario.teaches}")
    return all(ending == scenario.expected for scenario, ending in endings)


def demo(console: Console | None = None, ids: Sequence[str] = DEMO, url: str | None = None) -> int:
    """Play the scenarios on a store of their own, and show them: 0 if all ended as expected, else 1."""
    is_fine = asyncio.run(_demo(console or Console(), ids, read_scale(DEMO_SCALE), url))
    return 0 if is_fine else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.starchart.scenario", description="Play scenarios.")
    parser.add_argument("--url", help="of a Redis for the jobs; without it they are in a SQLite file that goes away")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    given = parser.parse_args()
    unknown = [name for name in given.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if given.url and (own := [name for name in given.scenarios if name in OF_THEIR_OWN]):
        parser.error(f"{', '.join(own)} cannot be played on a server: the jobs are in a SQLite file of the scenario")
    try:
        return demo(ids=given.scenarios or DEMO, url=given.url)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
