"""What a log holds: entries with consecutive positions, and the thin events that job transitions leave there."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.jobs import Cause, State

EVENTS_MAX: Final = 10_000  # events kept per queue, at least; trimming goes in steps of EVENTS_SLACK
EVENTS_SLACK: Final = 1_000
ENTRY_MAX: Final = 1 << 20  # bytes of one body

Happening: TypeAlias = State | Literal["removed", "progress", "deduplicated"]
ASIDES: Final[frozenset[Happening]] = frozenset({"progress", "deduplicated"})
"""What happens to a job without giving it another state: `deduplicated` is that an add found its dedup key taken."""


class Entry(Struct, frozen=True):
    """One entry of a log. `key` says whom it is about (job events: the job's id); `body` is JSON text."""

    position: int
    at: int
    key: str
    body: str


class Gap(Struct, frozen=True):
    """The positions `first` to `last`, both included, were trimmed before the reader asked for them.

    Where events of several queues may be read together, `queue` says of which one.
    """

    first: int
    last: int
    queue: str = ""


class Change(Struct, frozen=True, omit_defaults=True):
    """The body of a job event: the state the job has now, the one it had before, and why if that is not plain."""

    state: Happening
    was: State | None = None
    cause: Cause | None = None
