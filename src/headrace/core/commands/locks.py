"""Commands about locks."""

from typing import Final

from msgspec import Struct

from headrace.core.commands.command import Command

FIRST: Final[tuple[str, int]] = ("", 0)


class Acquired(Struct, frozen=True):
    """The lock is ours. Each hold that is taken has a larger `fence` than all before it, of whatever lock."""

    fence: int


class Acquire(Command[Acquired], frozen=True):
    """Hold a lock for `ttl_ms`, or extend the hold of `owner`: `Held` if `limit` others or more hold it.

    A hold that has expired is none. With `fence` nothing new is taken: `LockLost` unless `owner` has that very hold.
    """

    name: str
    owner: str
    ttl_ms: int
    limit: int = 1
    fence: int | None = None


class Released(Struct, frozen=True):
    """Whether we held the lock."""

    was_held: bool


class Release(Command[Released], frozen=True):
    """Give a lock back; harmless if it is not ours."""

    name: str
    owner: str


class LockRecord(Struct, frozen=True):
    """One owner's hold of a lock. `taken_at` and `expires_at` are instants; renewals move the latter."""

    name: str
    owner: str
    fence: int
    taken_at: int
    expires_at: int


class LockList(Struct, frozen=True):
    """Holds, by name and then by fence; `cursor` is what to continue after, None when it was the last page."""

    locks: tuple[LockRecord, ...]
    cursor: tuple[str, int] | None = None


class Locks(Command[LockList], frozen=True):
    """The holds that have not expired, of one lock or of all."""

    name: str | None = None
    limit: int = 1_000
    after: tuple[str, int] = FIRST
