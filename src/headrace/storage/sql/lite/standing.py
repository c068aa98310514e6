"""Where a job stands before it is moved by hand, and taking it out of there."""

from typing import Final, NamedTuple

from headrace.core.jobs import JobRef, State
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Carried, Ledger
from headrace.storage.sql.script import load

SQL: Final = load("move")


class Standing(NamedTuple):
    """Where a job is before it moves."""

    head: Head
    key: int
    id: str
    state: State
    carried: Carried
    parent: int | None
    options: str | None


def standing_of(ledger: Ledger, job: JobRef) -> Standing | None:
    """Where the job is, if it is there."""
    key = existing_key(ledger, job)
    if key is None:
        return None
    state, priority, made, started, stalls, parent, opts = ledger.row(SQL.standing, {"key": key})
    return Standing(ledger.head_of(key), key, job.id, state, Carried(priority, made, started, stalls), parent, opts)


def take(ledger: Ledger, standing: Standing) -> None:
    """Take the job out of the place where it is."""
    step = {
        "waiting": SQL.unready,
        "prioritized": SQL.unready,
        "delayed": SQL.undelay,
        "waiting-children": SQL.unwait,
        "completed": SQL.unfinish,
        "failed": SQL.unfinish,
    }[standing.state]
    ledger.run(step, {"key": standing.key})
    ledger.leave(standing.head, standing.state)
