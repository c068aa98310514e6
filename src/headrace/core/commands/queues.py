"""Commands about queues."""

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from headrace.core.commands.command import Command
from headrace.core.jobs import JobRef, Keep, State
from headrace.core.limits import NONE, Capacity, Limits, Rate

CLASSES_MAX: Final = 100
"""Priorities of ready jobs, from the most urgent on, that are looked at for the age of the oldest."""


class DedupRecord(Struct, frozen=True):
    """A dedup key that is taken: by which job, which may be gone, and how long.

    `expires_at` is the instant that ends it. Without one it lasts until the job has finished, or, if it `is_forever`,
    until it is forgotten by hand. `is_kept` says that a duplicate is kept for the end of the job.
    """

    job: JobRef
    expires_at: int | None = None
    is_forever: bool = False
    is_kept: bool = False


class QueueRecord(Struct, frozen=True):
    """A queue and how many jobs it has in each state.

    `resting_until` is an instant while the queue rests, `startable_at` one while its rate is used up. `keep` is the
    retention that was set for this queue, by state. `oldest_ms` is how long the ready job that waits longest has stood
    ready, as far as the clock ran evenly and among the CLASSES_MAX most urgent priorities; None if none is ready.
    `dedup` is the key that was asked for, if it is taken.
    """

    name: str
    is_paused: bool
    counts: dict[State, int]
    resting_until: int | None = None
    keep: dict[State, Keep] = {}
    oldest_ms: int | None = None
    limits: Limits = NONE
    startable_at: int | None = None
    dedup: DedupRecord | None = None


class Configured(Struct, frozen=True):
    """Done."""


class Configure(Command[Configured], frozen=True):
    """Change what is given of a queue; a queue that does not exist is made.

    `is_paused` of None, and a limit that is UNSET, stay as they are; a limit of None is lifted. Limits hold from the
    next `Add` and `Claim` on: what runs or waits already stays. `keep_completed` and `keep_failed` are the retention of
    finished jobs that brought none of their own; `default` takes away what was set, None leaves it. A store remembers
    them, the janitor applies them.
    """

    queue: str
    is_paused: bool | None = None
    keep_completed: Keep | Literal["default"] | None = None
    keep_failed: Keep | Literal["default"] | None = None
    concurrency: int | UnsetType | None = UNSET
    max_waiting: int | UnsetType | None = UNSET
    rate: Rate | UnsetType | None = UNSET
    per_key: dict[str, Capacity] | UnsetType | None = UNSET

    @property
    def keeps(self) -> dict[State, Keep | Literal["default"]]:
        """The retention that is given, by state."""
        given: dict[State, Keep | Literal["default"] | None]
        given = {"completed": self.keep_completed, "failed": self.keep_failed}
        return {state: keep for state, keep in given.items() if keep is not None}


def limited(limits: Limits, command: Configure) -> Limits:
    """The limits of a queue after this command."""
    given = {name: value for name in Limits.__struct_fields__ if (value := getattr(command, name)) is not UNSET}
    return replace(limits, **given)


class QueueList(Struct, frozen=True):
    """The queues by name."""

    queues: tuple[QueueRecord, ...]


class Queues(Command[QueueList], frozen=True):
    """Every queue, or those of the given names that exist; with `dedup`, who has this key in each of them."""

    names: tuple[str, ...] | None = None
    dedup: str | None = None


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
