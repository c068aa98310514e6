"""Acquire, Release, Locks on SQLite."""

from typing import Final

from headrace.core import topics
from headrace.core.commands import Acquire, Acquired, LockList, LockRecord, Locks, Release, Released
from headrace.core.errors import Held, LockLost, Refused
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.script import load

ACQUIRE: Final = load("acquire")
RELEASE: Final = load("release")
LOCKS: Final = load("locks")


def acquire(ledger: Ledger, command: Acquire) -> Acquired | Refused:
    """Take a lock or extend a hold; see `core.commands.locks.Acquire`."""
    step = {"name": command.name, "owner": command.owner, "now": ledger.now}
    ends = {"expires_at": ledger.now + command.ttl_ms}
    own = ledger.row(ACQUIRE.extend, step | ends | {"fence": command.fence})
    if own is not None:
        return Acquired(own[0])
    if command.fence is not None:
        return LockLost(name=command.name, owner=command.owner)
    first = ledger.row(ACQUIRE.first, {"name": command.name, "now": ledger.now})
    if first is not None and first[2] >= command.limit:
        owner, until_at, _ = first
        return Held(name=command.name, owner=owner, until_at=until_at, ends_in_ms=until_at - ledger.now)
    ledger.run(ACQUIRE.clear, {"now": ledger.now})
    (fence,) = ledger.row(ACQUIRE.number, {})
    ledger.run(ACQUIRE.take, step | ends | {"fence": fence})
    return Acquired(fence)


def release(ledger: Ledger, command: Release) -> Released:
    """Give a lock back; see `core.commands.locks.Release`."""
    step = {"name": command.name, "owner": command.owner, "now": ledger.now}
    if ledger.row(RELEASE.give, step) is None:
        return Released(was_held=False)
    ledger.signal(topics.lock(command.name))
    return Released(was_held=True)


def locks(ledger: Ledger, command: Locks) -> LockList:
    """The holds that have not expired; see `core.commands.locks.Locks`."""
    name, fence = command.after
    step = {"name": command.name, "now": ledger.now, "after_name": name, "after_fence": fence}
    rows = ledger.rows(LOCKS.page, step | {"limit": command.limit + 1})
    page = tuple(LockRecord(*row) for row in rows[: command.limit])
    return LockList(page, (page[-1].name, page[-1].fence) if page and len(rows) > len(page) else None)
