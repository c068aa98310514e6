"""Commands that only read."""

from typing import Final

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.jobs import JobRecord, JobRef, State

FIND_MAX: Final = 1_000
TREE_MAX: Final = 10_000  # nodes of one Tree


class Got(Struct, frozen=True):
    """A record, or None, for each job asked for, in order."""

    jobs: tuple[JobRecord | None, ...]


class Get(Command[Got], frozen=True):
    """The whole records of some jobs."""

    jobs: tuple[JobRef, ...]


class Found(Struct, frozen=True):
    """A page of records; `cursor` continues after it, None when it was the last."""

    jobs: tuple[JobRecord, ...]
    cursor: str | None = None


class Find(Command[Found], frozen=True):
    """A page of the jobs of a queue in one state.

    `waiting` and `prioritized` come in the order in which they will be claimed, `delayed` by due time, `active` by
    the end of the lease, `waiting-children` by arrival, finished ones newest first. Jobs that move between two pages
    can be missed or seen twice; jobs that stay are seen once.
    """

    queue: str
    state: State
    limit: int = 100
    after: str | None = None


class Counted(Struct, frozen=True):
    """For each queue asked for, the number of jobs in each state (all states are present)."""

    queues: dict[str, dict[State, int]]


class Count(Command[Counted], frozen=True):
    """Count jobs by state without looking at them; a queue that does not exist counts nothing."""

    queues: tuple[str, ...]


class Node(Struct, frozen=True):
    """A member of a flow: its record, or None when it was removed, and what its parent remembers of it.

    `value` is the result a completed child left with its parent; `is_pending` says that the parent waits for it.
    """

    job: JobRef
    name: str
    parent: JobRef | None
    depth: int
    record: JobRecord | None
    is_pending: bool = False
    value: str | None = None


class Grown(Struct, frozen=True):
    """The nodes, parents before children, siblings as they were added; empty if there is no such job.

    `is_cut` says that there were more than `limit`.
    """

    nodes: tuple[Node, ...]
    is_cut: bool = False


class Tree(Command[Grown], frozen=True):
    """A job with its descendants, `depth` levels of them."""

    job: JobRef
    depth: int = 1_000
    limit: int = TREE_MAX


class TallyRecord(Struct, frozen=True):
    """What finished in the minute that began at `at`, of one task; the name "" stands for tasks beyond TALLY_NAMES_MAX.

    `waits` counts the jobs by the time for which they stood ready before they were claimed, `runs` by the time from
    that claim to the outcome: both of the run that finished the job, in the buckets of `core.tallies`.
    """

    at: int
    name: str
    completed: int
    failed: int
    waits: tuple[int, ...]
    runs: tuple[int, ...]


class Tallied(Struct, frozen=True):
    """Tallies by minute, then name; minutes in which nothing finished have none. `until` is the end of the last one."""

    tallies: tuple[TallyRecord, ...]
    until: int


class Tally(Command[Tallied], frozen=True):
    """What finished in a queue in the last `minutes` minutes, the present one included, TALLIES_KEPT_MINUTES at most.

    A queue that does not exist has finished nothing.
    """

    queue: str
    minutes: int = 60


class LineList(Struct, frozen=True):
    """Log lines; `first` is the number of the first one (from 0), `count` how many the job has had in all."""

    lines: tuple[str, ...]
    first: int
    count: int


class Lines(Command[LineList], frozen=True):
    """The log lines of a job from line number `after` on, or from the oldest that is kept.

    `NoSuchJob` if there is no such job.
    """

    job: JobRef
    after: int = 0
    limit: int = 1_000
