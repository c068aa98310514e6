"""Get, Count: what only reads."""

from typing import Any, Final

from headrace.core.commands import Count, Counted, Get, Got
from headrace.core.jobs import STATES
from headrace.storage.redis.call import Call, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word
from headrace.storage.redis.records import record


def get(command: Get, _: Keys) -> tuple[Word, ...]:
    return (pack(command.jobs),)


def got(command: Get, reply: Any, keys: Keys) -> Got:
    pairs = zip(command.jobs, reply, strict=True)
    return Got(tuple(None if found is None else record(ref, found, keys) for ref, found in pairs))


def count(command: Count, _: Keys) -> tuple[Word, ...]:
    return (pack(command.queues),)


def counted(command: Count, reply: Any, _: Keys) -> Counted:
    pairs = zip(command.queues, reply, strict=True)
    return Counted({queue: dict(zip(STATES, counts, strict=True)) for queue, counts in pairs})


CALLS: Final[dict[type, Call]] = {
    Get: Call("get", get, got),
    Count: Call("count", count, counted),
}
