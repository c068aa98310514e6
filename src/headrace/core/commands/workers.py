"""Commands about workers."""

from typing import Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.commands.jobs import Source
from headrace.core.jobs import JobRef
from headrace.core.limits import Rate

WorkerState: TypeAlias = Literal["running", "paused", "draining"]


class WorkerRecord(Struct, frozen=True):
    """A worker as it describes itself. `sources` is what it serves.

    The store sets `seen_at`, `expires_at` and, when it is asked, `silent_ms`: the time since the last beat. `memory` is
    that of its process, in bytes; `jobs` the first of those in hand. `lag_ms` is how late its event loop came at worst
    in the last seconds; `blocked_ms`, if it has not come yet, for how long a handler has blocked it. With a
    `rate` it starts no more jobs than that.
    """

    id: str
    host: str
    pid: int
    sources: tuple[Source, ...]
    concurrency: int
    started_at: int = 0
    running: int = 0
    processed: int = 0
    seen_at: int = 0
    expires_at: int = 0
    state: WorkerState = "running"
    version: str = ""
    memory: int = 0
    lag_ms: int = 0
    jobs: tuple[JobRef, ...] = ()
    rate: Rate | None = None
    blocked_ms: int = 0
    silent_ms: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether a beat is overdue: half of the time is over after which the worker is forgotten."""
        return self.silent_ms * 2 > self.expires_at - self.seen_at > 0


class Beaten(Struct, frozen=True):
    """Done."""


class Beat(Command[Beaten], frozen=True):
    """Say that this worker lives; it is forgotten `ttl_ms` after its last beat.

    `started_at` is set by the store at the first beat and kept from then on.
    """

    worker: WorkerRecord
    ttl_ms: int


class Left(Struct, frozen=True):
    """Whether the worker was known."""

    was_known: bool


class Leave(Command[Left], frozen=True):
    """Say that a worker has stopped."""

    id: str


class WorkerList(Struct, frozen=True):
    """The workers that live, by id."""

    workers: tuple[WorkerRecord, ...]


class Workers(Command[WorkerList], frozen=True):
    """Every worker whose last beat has not expired."""
