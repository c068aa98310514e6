"""Looking for jobs that fit a query: section by section, a section being the jobs of a queue in one state."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from headrace.client import Client
from headrace.core.commands import Find, QueueRecord, Queues
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import InvalidOption
from headrace.core.jobs import STATES, JobRecord, State
from headrace.core.query import Query

_INNER: Final = re.compile(r"(-?\d+\.-?\d+|\[-?\d+,-?\d+\])?", re.ASCII)  # as stores write them
LOOKS_MAX: Final = 20  # pages of the store that are asked for one page of ours

# What needs eyes first.
ORDER: Final[tuple[State, ...]] = (
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
    def read(cls, text: object) -> "Cursor":
        """The cursor that a page before has given; `InvalidOption` for anything else."""
        queue, _, rest = text.partition("/") if isinstance(text, str) else ("", "", "")
        name, sign, inner = rest.partition("/")
        state: State | None = next((known for known in STATES if known == name), None)
        if not sign or state is None or not _INNER.fullmatch(inner):
            raise InvalidOption(f"after is {text!r}; give the cursor of the page before")
        return cls(queue, state, inner or None)

    def __str__(self) -> str:
        return f"{self.queue}/{self.state}/{self.inner or ''}"


async def search(client: Client, query: Query, limit: int, after: str | None) -> tuple[list[JobRecord], str | None]:
    """Up to `limit` jobs that fit, and where to go on if there may be more."""
    start = None if after is None else Cursor.read(after)
    found: list[JobRecord] = []
    looks = 0
    for section, _ in await sections(client, query, ORDER, start):
        cursor: Cursor | None = section
        while cursor is not None:
            if len(found) >= limit or looks >= LOOKS_MAX:
                return found, str(cursor)
            size = min(limit - len(found), FIND_MAX)
            page = await client.run(Find(cursor.queue, cursor.state, size, cursor.inner, query.rest()))
            looks += 1
            found += page.jobs
            cursor = Cursor(cursor.queue, cursor.state, page.cursor) if page.cursor else None
    return found, None


async def sections(
    client: Client, query: Query, order: Sequence[State], start: Cursor | None
) -> list[tuple[Cursor, int]]:
    """Where jobs that fit can be, queue by queue, and how many are there; not what lies before `start`."""
    queues: Sequence[QueueRecord] = (await client.run(Queues())).queues
    wanted = query.states()
    found = [
        (Cursor(one.name, state), one.counts[state])
        for one in queues
        if query.admits(one.name)
        for state in order
        if state in wanted and one.counts[state]
    ]
    if start is None:
        return found
    if not query.admits(start.queue) or start.state not in wanted:
        raise InvalidOption(f"after is {str(start)!r}, the cursor of another query; begin without it")
    place = (start.queue, order.index(start.state))
    count = next((count for section, count in found if (section.queue, section.state) == (start.queue, start.state)), 0)
    rest = [(one, count) for one, count in found if (one.queue, order.index(one.state)) > place]
    return [(start, count), *rest]
