"""S22: notices before certificates expire, in three days of a clock that is moved by hand."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

import headrace
from headrace import storage
from headrace.testing import FrozenClock

from .app import DEFAULTS
from .expiry import SCHEDULE, Expiries, expiring
from .fake_dns import Faults
from .show import say
from .stage import Scenario, Stage

BEGIN = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOON, LATER = "ada@students.example", "bob@students.example"
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class ExpiryEnding:
    """For which days there was a look, at which of them each owner was told, and how often the schedule has fired."""

    looks: tuple[str, ...]
    told: tuple[tuple[str, str], ...]
    fired: int

    def facts(self) -> dict[str, str]:
        """The same in words."""
        told = {f"told {owner.partition('@')[0]}": day for owner, day in self.told}
        return {"looks": ", ".join(self.looks), **told, "fired": str(self.fired)}


S22 = Scenario(
    "S22",
    "Expiry notices: three days, two workers that stop and start again",
    Faults(),
    ExpiryEnding(("2 May", "3 May", "4 May"), ((SOON, "2 May"), (LATER, "3 May")), fired=3),
    teaches="a slot fires once, however many workers there are and however often they start; one that came while "
    "nobody was there is made up for.",
)


@dataclass
class Town:
    """A file, a clock, and workers that come and go as processes do: nothing but the file outlives them."""

    folder: Path
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(round(BEGIN.timestamp() * 1000)))

    @property
    def rows(self) -> Expiries:
        return Expiries(self.folder / "rows.db")

    def app(self) -> headrace.App:
        """An app of its own for each worker; its store goes by the clock."""
        url = f"sqlite:///{self.folder / 'jobs.db'}"
        app = headrace.App(url, settings=DEFAULTS)
        app.use_store(lambda: storage.open(url, clock=self.clock))
        return app

    async def work(self) -> None:
        """Start all workers at once, let them do what they find, and stop them."""
        await asyncio.gather(*(self._one() for _ in range(PROCESSES)))

    async def _one(self) -> None:
        async with self.app() as app:
            put = expiring(app, self.rows)
            await put()
            await app.worker().run_until_idle()

    async def ending(self) -> ExpiryEnding:
        async with self.app() as app:
            known = await app.schedules.get(SCHEDULE)
        rows = self.rows
        told = sorted((owner, day(at)) for owner, at in rows.told().items())
        return ExpiryEnding(tuple(map(day, rows.looks())), tuple(told), known.fired)


def day(at: int) -> str:
    """The day of an instant in milliseconds."""
    found = datetime.fromtimestamp(at / 1000, UTC)
    return f"{found.day} {found:%b}"


async def s22(stage: Stage) -> ExpiryEnding:
    """Three looks in three days, and each owner is told once."""
    with TemporaryDirectory() as folder:
        return await three_days(Town(Path(folder)), stage.console)


async def three_days(town: Town, console: Console) -> ExpiryEnding:
    """The workers start on time, then six hours late, then six hours late again."""
    for owner, days in ((SOON, 20), (LATER, 31.5), ("cyd@students.example", 90)):
        expires = BEGIN + timedelta(days=days)
        town.rows.add(owner.replace("@", "."), owner, round(expires.timestamp() * 1000))
    for hours in (0, 18, 30, 24):
        town.clock.tick(timedelta(hours=hours))
        await town.work()
        now = datetime.fromtimestamp(town.clock.now / 1000, UTC)
        say(console, f"{now:%d %b %H:%M}: two workers start, and stop; looks so far: {len(town.rows.looks())}")
    return await town.ending()
