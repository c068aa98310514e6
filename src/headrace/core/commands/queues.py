"""Commands about queues."""

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.jobs import JobRef, State


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
    """Done. `job` is the one that had the dedup key, None if the key was free."""

    job: JobRef | None = None


class Forget(Command[Forgotten], frozen=True):
    """Forget a queue that has no job: `QueueNotEmpty` otherwise, `NoSuchQueue` if there is none.

    Its settings, its events, its tallies and its dedup keys go. Its counter stays, so that ids are never used twice.

    With `dedup` only this key is forgotten, whatever jobs there are: the next add with it is no duplicate. A job that
    was kept for the end of its owner goes with it.
    """

    queue: str
    dedup: str | None = None
