"""Acquire and Release on SQLite."""

from typing import Final

from headrace.core.commands import Acquire, Acquired, Release, Released
from headrace.core.errors import Held, Refused
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.script import load

ACQUIRE: Final = load("acquire")
RELEASE: Final = load("release")


def acquire(ledger: Ledger, command: Acquire) -> Acquired | Refused:
    """Take or extend a lock; see `core.commands.locks.Acquire`."""
    step = {"name": command.name, "owner": command.owner, "now": ledger.now}
    row = ledger.db.execute(ACQUIRE.take, step | {"expires_at": ledger.now + command.ttl_ms}).fetchone()
    if row is not None:
        return Acquired(row[0])
    (owner,) = ledger.db.execute(ACQUIRE.holder, step).fetchone()
    return Held(name=command.name, owner=owner)


def release(ledger: Ledger, command: Release) -> Released:
    """Give a lock back; see `core.commands.locks.Release`."""
    step = {"name": command.name, "owner": command.owner, "now": ledger.now}
    return Released(ledger.db.execute(RELEASE.give, step).fetchone() is not None)
