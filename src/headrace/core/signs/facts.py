"""What signs are read from: facts that others gather, and the words that signs have in common."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.core.commands import Node, QueueRecord, WorkerRecord
from headrace.core.jobs import JobRecord
from headrace.core.limits import key_of

NAMED_MAX: Final = 5  # children, workers, jobs or tasks named in one sentence


class Line(Struct, frozen=True):
    """Who is claimed before a ready job: some of them one by one, `more` that are only counted.

    `is_cut` says that the job itself was not met: there are still others.
    """

    before: tuple[JobRecord, ...] = ()
    more: int = 0
    is_cut: bool = False


class Facts(Struct, frozen=True):
    """What a store says of a job and of what that may wait for, all at about `now`, by the clock of the store.

    `queues` are its own and those of the jobs that it waits for, as `nodes` has them; `active` are jobs of its queue
    that run, where their keys matter. `is_duplicate`: the add that it is known by stored nothing.
    """

    now: int
    job: JobRecord
    queues: Mapping[str, QueueRecord]
    workers: tuple[WorkerRecord, ...]
    line: Line = Line()
    active: tuple[JobRecord, ...] = ()
    nodes: tuple[Node, ...] = ()
    is_duplicate: bool = False

    @property
    def queue(self) -> QueueRecord | None:
        """The queue of the job, unless it was forgotten just now."""
        return self.queues.get(self.job.queue)

    @property
    def key(self) -> tuple[str, str] | None:
        """What its queue tells the job apart by: the member of its data, and the value there."""
        limits = self.queue.limits.per_key if self.queue is not None else None
        for member in limits or ():
            value = key_of(member, self.job.data)
            return None if value is None else (member, value)
        return None


def line_of(job: JobRecord, first: tuple[JobRecord, ...], more: int) -> Line:
    """The line before a job, of the first jobs in its state, and of so many that come before all of these."""
    place = next((place for place, other in enumerate(first) if other.id == job.id), None)
    return Line(first[:place], more, is_cut=place is None)


Sign: TypeAlias = Callable[[Facts], Iterator[str]]
"""Looks for one thing that can be so of a job, and says it in a sentence with what to do; most often it says nothing.

Its name is what the documentation and the tests call it by.
"""


def at(instant: int | None) -> str:
    """An instant for people."""
    return datetime.fromtimestamp((instant or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def command(*words: object) -> str:
    """A command that can be copied into a shell."""
    return shlex.join(["headrace", *map(str, words)])


def ref(job: JobRecord) -> str:
    """How people write a job."""
    return f"{job.queue}/{job.id}"


def some(names: Iterable[object]) -> str:
    """The first of them, and how many more there are."""
    found = [str(name) for name in names]
    more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    return ", ".join(found[:NAMED_MAX]) + more


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
