"""Acquire and Release."""

from headrace.core.commands import Acquire, Acquired, Release, Released
from headrace.core.errors import Held, Refused
from headrace.storage.memory.world import Lock, World


def acquire(world: World, command: Acquire, now: int) -> Acquired | Refused:
    lock = world.locks.setdefault(command.name, Lock(command.owner, 0, now))
    is_free = lock.expires_at <= now
    if not is_free and lock.owner != command.owner:
        return Held(name=command.name, owner=lock.owner)
    lock.owner, lock.expires_at = command.owner, now + command.ttl_ms
    lock.fence += is_free
    return Acquired(lock.fence)


def release(world: World, command: Release, now: int) -> Released:
    lock = world.locks.get(command.name)
    if lock is None or lock.owner != command.owner or lock.expires_at <= now:
        return Released(was_held=False)
    lock.expires_at = now  # the record stays for its fence
    return Released(was_held=True)
