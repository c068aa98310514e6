"""What callers and workers saw of a store: who asked what, what they were told, and when.

`at` is a time that only grows and is one for all who took part; `clock` is the store's clock in milliseconds. What was
asked is written down before, what was told after: an asking without a telling may or may not have happened.
"""

from typing import TypeAlias

from msgspec import Struct

from headrace.core.commands import Settlement
from headrace.core.jobs import JobRef, NewJob


class AddAsked(Struct, tag=True, frozen=True):
    call: str
    at: int
    jobs: tuple[NewJob, ...]
    request_id: str | None


class AddTold(Struct, tag=True, frozen=True):
    """`refs` is None when the Add was refused."""

    call: str
    at: int
    refs: tuple[JobRef, ...] | None
    existing: tuple[int, ...] = ()


class Start(Struct, tag=True, frozen=True):
    """A claim gave this job to this worker; the call began at `asked_at` and was answered at `at`.

    `reached` is the latest instant that the clock had shown until then: more than `clock` once it was set back.
    """

    asked_at: int
    at: int
    clock: int
    reached: int
    ref: JobRef
    token: str
    run: int
    added_at: int
    lease_ends: int
    is_deferred: bool


class SettleAsked(Struct, tag=True, frozen=True):
    call: str
    at: int
    clock: int
    settlements: tuple[Settlement, ...]


class SettleTold(Struct, tag=True, frozen=True):
    """Which settlements were accepted."""

    call: str
    at: int
    accepted: tuple[bool, ...]


class Renewal(Struct, tag=True, frozen=True):
    """Leases that were told to hold until then at least, by their tokens."""

    tokens: tuple[str, ...]
    lease_ends: int


class Touch(Struct, tag=True, frozen=True):
    """Somebody asked for something by hand: to retry a job, to cancel it, to remove it."""

    at: int
    action: str
    ref: JobRef


Fact: TypeAlias = AddAsked | AddTold | Start | SettleAsked | SettleTold | Renewal | Touch
