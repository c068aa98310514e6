"""Fresh Adds that travel as one: their jobs, and the replies, which are short because numbers have no gap."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from headrace.core.commands import Added
from headrace.core.commands.jobs import REQUEST_DIGITS
from headrace.core.errors import Refused
from headrace.core.jobs import DEFAULTS, JobRef, NewJob, Options

Runs: TypeAlias = list[list[Any]]
"""The answer to a fresh Add, as it is remembered: [queue, first number, how many], as numbers have no gap."""


class Joint(NamedTuple):
    """The jobs of some fresh Adds, one after the other, and the id and number of jobs of each Add."""

    jobs: list[NewJob]
    requests: list[tuple[str | None, int]]


class Apart(NamedTuple):
    """The replies to fresh Adds of which each has to fit into a queue with limits."""

    replies: list[Added | Refused]


def is_fresh(jobs: tuple[NewJob, ...]) -> bool:
    """Whether these jobs need nothing looked up before they are stored."""
    for job in jobs:
        if (
            job.id is not None
            or job.delay_ms > 0
            or job.priority
            or job.has_children
            or job.parent is not None
            or (job.options is not DEFAULTS and _is_special(job.options))
        ):
            return False
    return True


def _is_special(options: Options) -> bool:
    return options.lifo or options.dedup is not None or options.expires_ms is not None


def are_series(joint: Joint) -> bool:
    """Whether these are Adds of one job each whose ids were counted up, so that one row can tell of all of them."""
    requests = joint.requests
    first, count = requests[0][0], len(requests)
    if count == 1 or first is None or len(joint.jobs) != count:
        return False
    prefix, digits = first[:-REQUEST_DIGITS], first[-REQUEST_DIGITS:]
    try:
        number = int(digits, 16)
    except ValueError:
        return False
    return requests == [(f"{prefix}{each:012x}", 1) for each in range(number, number + count)]


def place(first: str, request_id: str) -> int:
    """Which of a series a request is, from 0."""
    return int(request_id[-REQUEST_DIGITS:], 16) - int(first[-REQUEST_DIGITS:], 16)


def added(runs: Runs) -> Added:
    """The reply to a fresh Add, or to a series of them."""
    return Added(tuple([JobRef(queue, str(number)) for queue, first, n in runs for number in range(first, first + n)]))


def parted(runs: Runs, counts: Iterable[int]) -> Iterator[Runs]:
    """What of `runs` belongs to each of some Adds, which have so many jobs."""
    waiting = iter(runs)
    queue, number, left = "", 0, 0
    for count in counts:
        if count <= left:
            yield [[queue, number, count]]
            number, left = number + count, left - count
            continue
        part: Runs = []
        while count:
            if not left:
                queue, number, left = next(waiting)
            taken = min(count, left)
            part.append([queue, number, taken])
            number, left, count = number + taken, left - taken, count - taken
        yield part
