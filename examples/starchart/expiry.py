"""Notices before certificates expire: a look at all of them once a day, by a schedule.

In the flow that was published the repetition was given with the data of a job and not with its options, so it meant
nothing: there was one look each time a process started. Here a schedule is a thing of its own, found by its name, and
what it does not know is refused.

What becomes of days on which no worker was there is `catch_up="latest"`: they are made up for by one look. More would
find nothing more, for each looks at whatever expires within the month after its slot, and `none` would leave a day out
although nobody has been told yet. `overlap="skip"` because two looks at once would both find the same.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import headrace

from .database import Database

EVERY_MORNING = headrace.Cron("0 6 * * *")
AHEAD_MS = 30 * 86_400_000
SCHEDULE = "expiry"

TABLES = """
CREATE TABLE IF NOT EXISTS expiries (
    name       TEXT PRIMARY KEY,
    owner      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    told_at    INTEGER
);
CREATE TABLE IF NOT EXISTS looks (at INTEGER NOT NULL)
"""

PutExpiry: TypeAlias = Callable[[], Awaitable[headrace.ScheduleRecord]]
"""Puts the schedule; at every start, which changes nothing if it is there."""


class Expiries(Database):
    """When certificates expire, and which owners were told. Each call is a transaction; instants are milliseconds."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLES)

    def add(self, name: str, owner: str, expires_at: int) -> None:
        with self.transaction() as db:
            db.execute("INSERT INTO expiries VALUES (?, ?, ?, NULL)", (name, owner, expires_at))

    def look(self, at: int) -> list[str]:
        """Tell the owners of what expires within a month from then, if nobody has yet: their addresses."""
        with self.transaction() as db:
            db.execute("INSERT INTO looks VALUES (?)", (at,))
            told = "UPDATE expiries SET told_at = ? WHERE told_at IS NULL AND expires_at <= ? RETURNING owner"
            return [str(owner) for (owner,) in db.execute(told, (at, at + AHEAD_MS))]

    def looks(self) -> list[int]:
        """The slots for which there was a look, in the order of the looks."""
        with self.transaction() as db:
            return [int(at) for (at,) in db.execute("SELECT at FROM looks ORDER BY rowid")]

    def told(self) -> dict[str, int]:
        """Who was told, and at the look for which slot."""
        with self.transaction() as db:
            return dict(db.execute("SELECT owner, told_at FROM expiries WHERE told_at IS NOT NULL"))


def expiring(app: headrace.App, rows: Expiries) -> PutExpiry:
    """Register the task with an app."""

    @app.task(queue="expiry")
    def look_for_expiry() -> list[str]:
        slot = headrace.context().slot
        assert slot is not None, "only the schedule adds this job"
        return rows.look(slot.at)

    async def put() -> headrace.ScheduleRecord:
        call = look_for_expiry.call()
        return await app.schedules.put(SCHEDULE, EVERY_MORNING, call, catch_up="latest", overlap="skip")

    return put
