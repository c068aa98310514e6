"""Commands about queues."""

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.jobs import State


class QueueRecord(Struct, frozen=True):
    """A queue and how many jobs it has in each state; `resting_until` is an instant while the queue rests."""

    name: str
    is_paused: bool
    counts: dict[State, int]
    resting_until: int | None = None


class Configured(Struct, frozen=True):
    """Done."""


class Configure(Command[Configured], frozen=True):
    """Change what is given (None: leave it) of a queue; a queue that does not exist is made."""

    queue: str
    is_paused: bool | None = None


class QueueList(Struct, frozen=True):
    """The queues by name."""

    queues: tuple[QueueRecord, ...]


class Queues(Command[QueueList], frozen=True):
    """Every queue, or those of the given names that exist."""

    names: tuple[str, ...] | None = None


class Forgotten(Struct, frozen=True):
    """Done."""


class Forget(Command[Forgotten], frozen=True):
    """Forget a queue that has no job: `QueueNotEmpty` otherwise, `NoSuchQueue` if there is none.

    Its settings, its events and its tallies go. Its counter stays, so that ids are never used twice.
    """

    queue: str
