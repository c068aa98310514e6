"""Acquire, Release, Locks."""

from headrace.core import topics
from headrace.core.commands import Acquire, Acquired, LockList, LockRecord, Locks, Release, Released
from headrace.core.errors import Held, LockLost, Refused
from headrace.storage.memory.world import Lock, World


def acquire(world: World, command: Acquire, now: int) -> Acquired | Refused:
    holds = _living(world, command.name, now)
    own = next((hold for hold in holds if hold.owner == command.owner), None)
    if command.fence is not None and (own is None or own.fence != command.fence):
        return LockLost(name=command.name, owner=command.owner)
    if own is not None:
        own.expires_at = now + command.ttl_ms
        return Acquired(own.fence)
    if len(holds) >= command.limit:
        first = min(holds, key=lambda hold: (hold.expires_at, hold.fence))
        return Held(name=command.name, owner=first.owner, until_at=first.expires_at, ends_in_ms=first.expires_at - now)
    world.fence += 1
    world.locks[command.name] = [*holds, Lock(command.owner, world.fence, now, now + command.ttl_ms)]
    return Acquired(world.fence)


def release(world: World, command: Release, now: int) -> Released:
    holds = _living(world, command.name, now)
    left = [hold for hold in holds if hold.owner != command.owner]
    if len(left) == len(holds):
        return Released(was_held=False)
    world.locks[command.name] = left
    world.wake(topics.lock(command.name))
    return Released(was_held=True)


def locks(world: World, command: Locks, now: int) -> LockList:
    names = world.locks if command.name is None else (command.name,)
    found = sorted(
        (
            LockRecord(name, hold.owner, hold.fence, hold.taken_at, hold.expires_at)
            for name in names
            for hold in _living(world, name, now)
            if (name, hold.fence) > command.after
        ),
        key=lambda record: (record.name, record.fence),
    )
    page = tuple(found[: command.limit])
    return LockList(page, (page[-1].name, page[-1].fence) if page and len(found) > len(page) else None)


def _living(world: World, name: str, now: int) -> list[Lock]:
    return [hold for hold in world.locks.get(name, ()) if hold.expires_at > now]
