"""Pages of jobs across queues and states, as one list that can be gone on with.

Selecting will grow a small query language (`state:failed name:send*`) beside QUEUE; a queue's name has no colon, so
that the two cannot be taken for each other.
"""

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from headrace.app import App
from headrace.cli.failure import Stop
from headrace.cli.queues import known
from headrace.cli.text import span
from headrace.core.commands.reads import FIND_MAX
from headrace.core.jobs import STATES, JobRecord, State
from headrace.why import tries

LIMIT_MAX = 10_000
# What needs eyes first.
ORDER: tuple[State, ...] = (
    "active",
    "waiting",
    "prioritized",
    "delayed",
    "waiting-children",
    "failed",
    "completed",
)


class Cursor(Struct, frozen=True):
    """Where a page ended: written `QUEUE/STATE/…`, what follows is the store's."""

    queue: str
    state: State
    inner: str | None = None

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The cursor that a page before has printed."""
        queue, _, rest = text.partition("/")
        name, sign, inner = rest.partition("/")
        state: State | None = next((known for known in STATES if known == name), None)
        if not sign or state is None:
            raise Stop(f"--after {text!r} is not what a page has printed")
        return cls(queue, state, inner or None)

    def __str__(self) -> str:
        return f"{self.queue}/{self.state}/{self.inner or ''}"


async def find(
    store: App, queue: str | None, states: Sequence[State], limit: int, start: Cursor | None
) -> tuple[list[JobRecord], Cursor | None]:
    """Up to `limit` jobs, and where to go on if there may be more; `NoSuchQueue` if the queue is not there."""
    if not 1 <= limit <= LIMIT_MAX:
        raise Stop(f"--limit is {limit}; it lies between 1 and {LIMIT_MAX}")
    found: list[JobRecord] = []
    for section in await _sections(store, queue, states, start):
        cursor: Cursor | None = section
        while cursor is not None:
            if len(found) >= limit:
                return found, cursor
            size = min(limit - len(found), FIND_MAX)
            page = await store.queue(cursor.queue).jobs(cursor.state, limit=size, after=cursor.inner)
            found += [job.record for job in page if job.record is not None]
            cursor = Cursor(cursor.queue, cursor.state, page.cursor) if page.cursor else None
    return found, None


def rows(records: Sequence[JobRecord]) -> Iterator[tuple[str, ...]]:
    """The records as rows of a table."""
    now = round(time.time() * 1000)
    for record in records:
        yield f"{record.queue}/{record.id}", record.name, record.state, tries(record), _since(record, now)


async def _sections(store: App, queue: str | None, states: Sequence[State], start: Cursor | None) -> list[Cursor]:
    """Where to look, in order, leaving out what is empty and what the pages before have shown."""
    queues = await known(store, [queue]) if queue is not None else await store.queues()
    sections = [
        Cursor(one.name, state)
        for one in queues
        for state in ORDER
        if one.counts.get(state) and (not states or state in states)
    ]
    if start is None:
        return sections
    place = (start.queue, ORDER.index(start.state))
    return [start, *(section for section in sections if (section.queue, ORDER.index(section.state)) > place)]


def _since(record: JobRecord, now: int) -> str:
    """How long it has been so; for a delayed job, how long it will be."""
    if record.state == "delayed" and record.due_at is not None:
        return f"in {span(record.due_at - now)}" if record.due_at > now else "due"
    at = record.finished_at or (record.started_at if record.state == "active" else None) or record.added_at
    return span(now - at)
