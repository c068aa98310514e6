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
    row = ledger.row(ACQUIRE.take, step | {"expires_at": ledger.now + command.ttl_ms})
    if row is not None:
        return Acquired(row[0])
    (owner,) = ledger.row(ACQUIRE.holder, step)
    return Held(name=command.name, owner=owner)


def release(ledger: Ledger, command: Release) -> Released:
    """Give a lock back; see `core.commands.locks.Release`."""
    step = {"name": command.name, "owner": command.owner, "now": ledger.now}
    return Released(ledger.row(RELEASE.give, step) is not None)
