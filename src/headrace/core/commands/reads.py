"""Commands that only read."""

from typing import Final

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.errors import InvalidOption
from headrace.core.jobs import JobRecord, JobRef, State
from headrace.core.query import Query

FIND_MAX: Final = 1_000  # jobs given by one Find, and jobs looked at by one with a query
TREE_MAX: Final = 10_000  # nodes of one Tree


class Got(Struct, frozen=True):
    """A record, or None, for each job asked for, in order."""

    jobs: tuple[JobRecord | None, ...]


class Get(Command[Got], frozen=True):
    """The whole records of some jobs."""

    jobs: tuple[JobRef, ...]


class Found(Struct, frozen=True):
    """A page of records; `cursor` continues after it, None when it was the last. `looked` counts what was looked at."""

    jobs: tuple[JobRecord, ...]
    cursor: str | None = None
    looked: int = 0


class Find(Command[Found], frozen=True):
    """A page of the jobs of a queue in one state.

    `waiting` and `prioritized` come in the order in which they will be claimed, `delayed` by due time, `active` by
    the end of the lease, `waiting-children` by arrival, finished ones newest first. Jobs that move between two pages
    can be missed or seen twice; jobs that stay are seen once.

    With `where` only those that fit; FIND_MAX jobs are looked at, whether they fit or not. `is_steady` is for who moves
    what is found: a job that is moved within its state is not met again. Finished jobs come as ever then, the others
    in the order in which they were added. With either, a page may be short, or empty, and still have a cursor.

    A store knows its own cursors; it raises what `strange_cursor` makes of any other.
    """

    queue: str
    state: State
    limit: int = 100
    after: str | None = None
    where: Query | None = None
    is_steady: bool = False


def strange_cursor(after: str) -> InvalidOption:
    """The error for a cursor that no page of such jobs has given."""
    return InvalidOption(f"after is {after!r}; give the cursor of the page before")


class Counted(Struct, frozen=True):
    """For each queue asked for, the number of jobs in each state (all states are present)."""

    queues: dict[str, dict[State, int]]


class Count(Command[Counted], frozen=True):
    """Count jobs by state without looking at them; a queue that does not exist counts nothing."""

    queues: tuple[str, ...]


class Node(Struct, frozen=True):
    """A member of a flow: its record, or None when it was removed, and what its parent remembers of it.

    `value` is the result a completed child left with its parent, `ignored` the reason of a failed child that the parent
    went on without; both stay when the child is removed. `is_pending` says that the parent waits for it. A child with
    none of the three has failed its parent. One that `is_followed` is no child: the job above it only waits for it, and
    what is below it is not shown there.
    """

    job: JobRef
    name: str
    parent: JobRef | None
    depth: int
    record: JobRecord | None
    is_pending: bool = False
    value: str | None = None
    ignored: str | None = None
    is_followed: bool = False


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
    queue: str = ""


class Tallied(Struct, frozen=True):
    """Tallies by queue, minute, then name; minutes in which nothing finished have none.

    `until` is the end of the last one, `now` when they were asked for.
    """

    tallies: tuple[TallyRecord, ...]
    until: int
    now: int = 0


class Tally(Command[Tallied], frozen=True):
    """What finished in a queue in the last `minutes` minutes, the present one included, TALLIES_KEPT_MINUTES at most.

    Without a queue: in all of them. One that does not exist has finished nothing.
    """

    queue: str | None
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
