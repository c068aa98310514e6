"""Commands about queues."""

from typing import Literal

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.jobs import JobRef, Keep, State


class QueueRecord(Struct, frozen=True):
    """A queue and how many jobs it has in each state; `resting_until` is an instant while the queue rests.

    `keep` is the retention that was set for this queue, by state. `oldest_ms` is how long the ready job that waits
    longest has stood ready, as far as the clock ran evenly; None if none is ready.
    """

    name: str
    is_paused: bool
    counts: dict[State, int]
    resting_until: int | None = None
    keep: dict[State, Keep] = {}
    oldest_ms: int | None = None


class Configured(Struct, frozen=True):
    """Done."""


class Configure(Command[Configured], frozen=True):
    """Change what is given (None: leave it) of a queue; a queue that does not exist is made.

    `keep_completed` and `keep_failed` are the retention of finished jobs that brought none of their own; `default`
    takes away what was set. A store remembers them, the janitor applies them.
    """

    queue: str
    is_paused: bool | None = None
    keep_completed: Keep | Literal["default"] | None = None
    keep_failed: Keep | Literal["default"] | None = None

    @property
    def keeps(self) -> dict[State, Keep | Literal["default"]]:
        """The retention that is given, by state."""
        given: dict[State, Keep | Literal["default"] | None]
        given = {"completed": self.keep_completed, "failed": self.keep_failed}
        return {state: keep for state, keep in given.items() if keep is not None}


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
