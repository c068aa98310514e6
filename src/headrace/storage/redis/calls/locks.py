"""Acquire, Release, Locks."""

from typing import Any, Final

from headrace.core.commands import Acquire, Acquired, LockList, LockRecord, Locks, Release, Released
from headrace.core.errors import Held, LockLost, Refused
from headrace.core.topics import lock
from headrace.storage.redis.call import Call
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word


def acquire(command: Acquire, _: Keys) -> tuple[Word, ...]:
    fence = "" if command.fence is None else command.fence
    return command.name, command.owner, command.ttl_ms, command.limit, fence


def acquired(command: Acquire, reply: Any, _: Keys) -> Acquired | Refused:
    match reply:
        case ["ok", fence]:
            return Acquired(fence)
        case ["held", owner, until_at, ends_in_ms]:
            return Held(name=command.name, owner=owner, until_at=until_at, ends_in_ms=ends_in_ms)
        case _:
            return LockLost(name=command.name, owner=command.owner)


def release(command: Release, _: Keys) -> tuple[Word, ...]:
    return command.name, command.owner, lock(command.name)


def released(_: Release, reply: Any, __: Keys) -> Released:
    return Released(was_held=reply == 1)


def locks(command: Locks, _: Keys) -> tuple[Word, ...]:
    one = () if command.name is None else (command.name,)
    return command.limit, *command.after, *one


def listed(_: Locks, reply: Any, __: Keys) -> LockList:
    rows, is_more = reply
    page = tuple(LockRecord(*row) for row in rows)
    return LockList(page, (page[-1].name, page[-1].fence) if page and is_more else None)


CALLS: Final[dict[type, Call]] = {
    Acquire: Call("acquire", acquire, acquired),
    Release: Call("release", release, released),
    Locks: Call("locks", locks, listed),
}
