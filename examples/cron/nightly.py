"""A task that writes the report of a day, one that backs up, and their schedules."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import headrace

BERLIN: Final = ZoneInfo("Europe/Berlin")
NIGHTLY: Final = headrace.Cron("30 2 * * *", tz=BERLIN.key)


@dataclass
class Nights:
    """The app, and what puts its schedules; to do so at every start changes nothing."""

    app: headrace.App
    put: Callable[[], Awaitable[None]]


def make_nights(url: str, say: Callable[[str], object]) -> Nights:
    """An app whose jobs say what they did."""
    app = headrace.App(url, settings=headrace.Settings())

    @app.task
    async def report() -> None:
        # Whenever the job is run, its slot is that of its night.
        say(f"report of {slot_in_berlin() - timedelta(days=1):%a %d %b}")

    @app.task
    async def backup() -> None:
        say(f"backup of the night to {slot_in_berlin():%a %d %b}")

    async def put() -> None:
        # Each day has a report of its own, so each that was missed is made up for. Of backups the latest is enough.
        await app.schedules.put("report", NIGHTLY, report.call(), catch_up="all")
        await app.schedules.put("backup", NIGHTLY, backup.call(), catch_up="latest", overlap="skip")

    return Nights(app, put)


def slot_in_berlin() -> datetime:
    """The slot of the job that runs, on the clock of Berlin."""
    slot = headrace.context().slot
    assert slot is not None, "this is a job of a schedule"
    return datetime.fromtimestamp(slot.at / 1000, BERLIN)
