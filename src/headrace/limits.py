"""Limits of a queue as users say them."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from headrace.core import limits as core
from headrace.core.errors import InvalidOption
from headrace.spans import Span, span_ms


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` starts in any span of `per` seconds, however the jobs end.

    Examples:
        >>> app.queue("api").limit.sync(rate=headrace.Rate(100, per=60))
    """

    most: int
    per: Span = 1

    def __post_init__(self) -> None:
        core.check(core.Limits(rate=self.stored()))

    def stored(self) -> core.Rate:
        """The same as a store keeps it."""
        return core.Rate(self.most, span_ms("per", self.per, core.PER_MAX_MS, 1))


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many jobs of one key may run at once, and how many may wait; None is no bound.

    Examples:
        >>> app.queue("imports").limit.sync(per_key={"tenant": headrace.Capacity(running=2, waiting=1_000)})
    """

    running: int | None = None
    waiting: int | None = None

    def __post_init__(self) -> None:
        core.check(core.Limits(per_key={"key": self.stored()}))

    def stored(self) -> core.Capacity:
        """The same as a store keeps it."""
        return core.Capacity(self.running, self.waiting)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a queue, by the names that `Queue.limit` has for them; None is no limit."""

    concurrency: int | None = None
    rate: Rate | None = None
    max_waiting: int | None = None
    per_key: Mapping[str, Capacity] | None = None


def limits_of(stored: core.Limits) -> Limits:
    """Limits as a store knows them, for users."""
    rate, keys = stored.rate, stored.per_key
    return Limits(
        stored.concurrency,
        None if rate is None else Rate(rate.most, rate.per_ms / 1000),
        stored.max_waiting,
        None if keys is None else {member: Capacity(one.running, one.waiting) for member, one in keys.items()},
    )


def stored_rate(rate: object) -> core.Rate | UnsetType | None:
    """A rate as `Queue.limit` takes it; `InvalidOption` for anything else."""
    if rate is None or rate is UNSET:
        return rate
    if not isinstance(rate, Rate):
        raise InvalidOption(f"rate is {type(rate).__name__}; give headrace.Rate(100, per=1)")
    return rate.stored()


def worker_rate(rate: object) -> core.Rate | None:
    """The rate of a worker; `InvalidOption` for anything else."""
    stored = stored_rate(rate)
    return None if stored is UNSET else stored


def stored_keys(per_key: object) -> dict[str, core.Capacity] | UnsetType | None:
    """Limits per key as `Queue.limit` takes them; `InvalidOption` for anything else."""
    if per_key is None or per_key is UNSET:
        return per_key
    if not isinstance(per_key, Mapping) or not all(isinstance(one, Capacity) for one in per_key.values()):
        raise InvalidOption("per_key has the form {'tenant': headrace.Capacity(running=5, waiting=50)}")
    return {member: one.stored() for member, one in per_key.items()}
