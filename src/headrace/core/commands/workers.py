"""Commands about workers."""

from typing import Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.commands.jobs import Source
from headrace.core.jobs import JobRef
from headrace.core.limits import Rate

WorkerState: TypeAlias = Literal["running", "paused", "draining"]


class WorkerRecord(Struct, frozen=True):
    """A worker as it describes itself. `sources` is what it serves; `seen_at` and `expires_at` are set by the store.

    `memory` is that of its process, in bytes; `lag_ms` how late its event loop is; `jobs` the first of those in hand.
    With a `rate` it starts no more jobs than that.
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
