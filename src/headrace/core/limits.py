"""Limits of a queue: how many jobs may run at once, start in a span of time, and wait; and how every store reckons.

The numbers that are compared with a limit are those of the store, taken in the atomic step that acts on them. Nothing
here counts.
"""

from itertools import groupby
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from headrace.core.errors import InvalidOption, QueueFull

COUNT_MAX: Final = 2**40  # jobs of a queue: more cannot be numbered
RATE_MAX: Final = 1_000_000  # starts in one span
PER_MAX_MS: Final = 86_400_000  # a day
FAR: Final = 1 << 62  # more than any limit
STARTS_MAX: Final = 128  # instants remembered one by one; beyond, those that are close to each other become one
SLOTS: Final = 64  # parts of a span within which starts then count as the last of them

Starts: TypeAlias = tuple[tuple[int, int], ...]
"""When jobs of a queue were started, and how many; the oldest first, none that the rate no longer looks at."""


class Rate(Struct, frozen=True):
    """At most `most` starts in any `per_ms`."""

    most: int
    per_ms: int


class Capacity(Struct, frozen=True, omit_defaults=True):
    """How many jobs may run at once, and how many may wait; None is without bound."""

    running: int | None = None
    waiting: int | None = None


class Limits(Struct, frozen=True, omit_defaults=True):
    """All limits of a queue; None is no limit. `per_key` has the member of the data that tells jobs apart."""

    concurrency: int | None = None
    max_waiting: int | None = None
    rate: Rate | None = None
    per_key: dict[str, Capacity] | None = None


NONE: Final = Limits()


def admits(capacity: Capacity, running: int, waiting: int, new: int) -> bool:
    """Whether so many jobs more may be added beside those that run and those that wait.

    A job that takes a free place among the running does not wait: so a waiting limit of zero takes what can run.
    """
    free = 0 if capacity.running is None else left(capacity.running, running)
    return capacity.waiting is None or new <= left(capacity.waiting + free, waiting)


def left(most: int | None, taken: int) -> int:
    """What is left of a limit."""
    return FAR if most is None else max(most - taken, 0)


def startable(rate: Rate | None, starts: Starts, now: int) -> int:
    """How many jobs may start now."""
    if rate is None:
        return FAR
    return left(rate.most, sum(count for at, count in starts if at > now - rate.per_ms))


def startable_at(rate: Rate, starts: Starts, now: int) -> int:
    """When one more job may start, if none may now."""
    return min((at for at, _ in starts if at > now - rate.per_ms), default=now) + rate.per_ms


def next_start(rate: Rate | None, starts: Starts, now: int) -> int | None:
    """When the next job may start; None if the rate is not in the way."""
    return None if rate is None or startable(rate, starts, now) else startable_at(rate, starts, now)


def started(rate: Rate, starts: Starts, now: int, count: int) -> Starts:
    """The starts that the rate looks at, after some more.

    Many close together are kept as one at the instant of the last: the rate is never exceeded for that.
    """
    seen = [*(start for start in starts if start[0] > now - rate.per_ms), (now, count)]
    if len(seen) <= STARTS_MAX:
        return tuple(seen)
    slot_ms = rate.per_ms // SLOTS + 1
    slots = (list(slot) for _, slot in groupby(seen, lambda start: start[0] // slot_ms))
    return tuple((slot[-1][0], sum(count for _, count in slot)) for slot in slots)


def queue_full(queue: str, most: int, member: str = "", key: str = "") -> QueueFull:
    """The refusal that names what is full."""
    whose = f" for {member} {key!r}" if member else ""
    sentence = f"the queue {queue!r} is full{whose}: {most} jobs may wait; try again later, or raise the limit"
    return QueueFull(sentence, queue=queue, most=most, member=member, key=key)


def check(limits: Limits) -> Limits:
    """The limits, if each is within its bounds; `InvalidOption` otherwise."""
    _check_count("concurrency", limits.concurrency, 1)
    _check_count("max_waiting", limits.max_waiting, 0)
    if limits.rate is not None:
        _check_count("rate", limits.rate.most, 1, RATE_MAX)
        _check_count("per", limits.rate.per_ms, 1, PER_MAX_MS)
    if limits.per_key is not None and len(limits.per_key) != 1:
        raise InvalidOption(f"per_key names {len(limits.per_key)} members; the jobs of a queue are told apart by one")
    for member, capacity in (limits.per_key or {}).items():
        _check_member(member)
        _check_count("running", capacity.running, 1)
        _check_count("waiting", capacity.waiting, 0)
    return limits


def _check_count(name: str, value: object, least: int, most: int = COUNT_MAX) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"{name} is {type(value).__name__}; it is a whole number, or None for no limit")
    if not least <= value <= most:
        advice = "; to hold a queue, pause it" if value == 0 and least == 1 else ""
        raise InvalidOption(f"{name} is {value}; it lies between {least} and {most}{advice}")


def _check_member(member: object) -> None:
    if not isinstance(member, str) or not member.isidentifier() or not member.isascii():
        raise InvalidOption(f"per_key names {member!r}; give a member of the data, as an argument of a task is called")


def key_of(member: str, data: str) -> str | None:
    """What tells a job apart from those of others: a text or a whole number in its data, or nothing.

    A text counts up to its first NUL, a number has at most 64 bits.
    """
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    match value.get(member) if isinstance(value, dict) else None:
        case str(text):
            return text.partition("\0")[0]
        case int(number) if not isinstance(number, bool) and -(2**63) <= number < 2**63:
            return str(number)
        case _:
            return None
