"""Signs of a job that is not in the store: what its queue still knows of it."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.core.jobs import FINISHED, JobRef
from headrace.core.log import Happening
from headrace.core.signs.facts import at, command, some


class Absence(Struct, frozen=True):
    """What there is beside a job that is not there.

    `queues` are the names of all, `place` is the URL of the store. `happened` is what the events of the queue that were
    looked at say last of the job, and when: None if they do not name it.
    """

    job: JobRef
    place: str
    queues: tuple[str, ...]
    happened: tuple[Happening, int] | None = None


Trace: TypeAlias = Callable[[Absence], Iterator[str]]


def its_queue_is_unknown(absence: Absence) -> Iterator[str]:
    """No job was ever added there: a slip of the pen, or another store."""
    queue, names = absence.job.queue, absence.queues
    if queue not in names:
        near = get_close_matches(queue, names, n=1)
        meant = f"did you mean {near[0]}" if near else f"there is {some(names) or 'none'}"
        yield f"the store {absence.place} has no queue {queue}; {meant}, or another store (HEADRACE_URL)?"


def it_was_removed(absence: Absence) -> Iterator[str]:
    """Somebody removed or moved it, or another job took its place."""
    if absence.happened is not None and absence.happened[0] not in FINISHED:
        when = at(absence.happened[1])
        yield f"it was removed at {when}: by hand, to another queue, or by a job with its dedup key; add it again"


def retention_took_it(absence: Absence) -> Iterator[str]:
    """It finished, and finished jobs stay only for a time."""
    if absence.happened is not None and absence.happened[0] in FINISHED:
        state, when = absence.happened
        longer = command("queues", "retain", absence.job.queue)
        yield f"it was {state} at {at(when)}, and retention took it; let jobs stay longer: {longer} --{state} SPAN"


def it_is_unknown(absence: Absence) -> Iterator[str]:
    """It never was, or was so long ago that nothing is left of it."""
    if absence.job.queue in absence.queues and absence.happened is None:
        yield (
            f"nothing in the store {absence.place} tells of it: it never was there, or is long gone; "
            "see that queue, id and store (HEADRACE_URL) are right"
        )


ABSENT: Final[tuple[Trace, ...]] = (its_queue_is_unknown, it_was_removed, retention_took_it, it_is_unknown)


def traced(absence: Absence) -> str:
    """A sentence about a job that is not there."""
    return "; ".join(sentence for trace in ABSENT for sentence in trace(absence))
