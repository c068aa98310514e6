"""Commands about locks."""

from msgspec import Struct

from headrace.core.commands.command import Command


class Acquired(Struct, frozen=True):
    """The lock is ours. `fence` grows each time the lock changes hands."""

    fence: int


class Acquire(Command[Acquired], frozen=True):
    """Take a lock for `ttl_ms`, or extend it if `owner` holds it already: `Held` if another does.

    An expired lock is free.
    """

    name: str
    owner: str
    ttl_ms: int


class Released(Struct, frozen=True):
    """Whether we held the lock."""

    was_held: bool


class Release(Command[Released], frozen=True):
    """Give a lock back; harmless if it is not ours."""

    name: str
    owner: str
