"""Commands about queues."""

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from headrace.core.commands.command import Command
from headrace.core.jobs import State
from headrace.core.limits import NONE, Capacity, Limits, Rate


class QueueRecord(Struct, frozen=True):
    """A queue and how many jobs it has in each state.

    `resting_until` is an instant while the queue rests, `startable_at` one while its rate is used up.
    """

    name: str
    is_paused: bool
    counts: dict[State, int]
    resting_until: int | None = None
    limits: Limits = NONE
    startable_at: int | None = None


class Configured(Struct, frozen=True):
    """Done."""


class Configure(Command[Configured], frozen=True):
    """Change what is given of a queue; a queue that does not exist is made.

    `is_paused` of None, and a limit that is UNSET, stay as they are; a limit of None is lifted. Limits hold from the
    next `Add` and `Claim` on: what runs or waits already stays.
    """

    queue: str
    is_paused: bool | None = None
    concurrency: int | UnsetType | None = UNSET
    max_waiting: int | UnsetType | None = UNSET
    rate: Rate | UnsetType | None = UNSET
    per_key: dict[str, Capacity] | UnsetType | None = UNSET


def limited(limits: Limits, command: Configure) -> Limits:
    """The limits of a queue after this command."""
    given = {name: value for name in Limits.__struct_fields__ if (value := getattr(command, name)) is not UNSET}
    return replace(limits, **given)


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
