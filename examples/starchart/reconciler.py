"""The zone as a wish: rows say what it should be, and one job makes it so, soon after the last change.

    reconcile                 queue reconciler, one at a time, whoever asks and however often

No flow for each change: whoever changes a row says "soon" (`wish`), and the run that follows finds all that is left to
be done. This is what the flows of variant A came to in the end.
"""

from pathlib import Path
from typing import NamedTuple, Protocol

import headrace

from .database import Database
from .dns import Dns

QUEUE, ATTEMPTS, BACKOFF_S = "reconciler", 5, 15
SOON_S = 2.0
"""From the first change to the run; all that come meanwhile are in the same run."""

TABLE = """
CREATE TABLE IF NOT EXISTS wishes (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    is_granted INTEGER NOT NULL DEFAULT 0
)
"""
PUT = "INSERT INTO wishes (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, is_granted = 0"


class Wish(NamedTuple):
    name: str
    value: str


class Wishes(Database):
    """What the zone should be, and which of it is not known to be so."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLE)

    def open(self) -> list[Wish]:
        with self.transaction() as db:
            return [Wish(*row) for row in db.execute("SELECT name, value FROM wishes WHERE NOT is_granted")]

    def grant(self, wish: Wish) -> None:
        """Mark it granted, unless it has another value by now."""
        with self.transaction() as db:
            db.execute("UPDATE wishes SET is_granted = 1 WHERE name = ? AND value = ?", wish)


class MakeWish(Protocol):
    """Say what a name should be. Blocking, for as long as a commit takes; whether a run was due already or not."""

    def __call__(self, name: str, value: str) -> None: ...


def reconciling(app: headrace.App, wishes: Wishes, dns: Dns, scale: float) -> MakeWish:
    """Register the reconciler with an app whose jobs are in the file of the wishes."""

    @app.task(queue=QUEUE, attempts=ATTEMPTS, backoff=headrace.Exponential(BACKOFF_S * scale))
    def reconcile() -> int:
        found = wishes.open()
        for wish in found:
            dns.update(wish.name, wish.value, key="")  # to set the same value again does no harm
            wishes.grant(wish)
        return len(found)

    # The key makes it one: while a run is due, asking again adds nothing, as that run will see the change. Not so while
    # it runs, for it may have read the rows before. So `keep_last`: one more is added, once this one has ended.
    soon = reconcile.call().options(delay=SOON_S, dedup=headrace.Dedup("zone", keep_last=True))

    def wish(name: str, value: str) -> None:
        with wishes.transaction() as db:
            db.execute(PUT, (name, value))
            app.within(db).enqueue.sync(soon)

    return wish
