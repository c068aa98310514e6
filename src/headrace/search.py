"""Looking for jobs that fit a query: section by section, a section being the jobs of a queue in one state.

The sections of a queue are read in one call, so at one moment: a job that goes from one to another is in one of them.
"""

from collections.abc import Sequence
from itertools import dropwhile, groupby
from typing import Any, Final, TypeAlias

from msgspec import Struct

from headrace.client import Client
from headrace.core.commands import Find, Found, QueueRecord, Queues
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import InvalidOption
from headrace.core.jobs import STATES, JobRecord, State
from headrace.core.query import Query

LOOKS_MAX: Final = 20  # times that the store is asked for one page of ours
TRIES_MAX: Final = 3  # readings of a queue from which we learn how many jobs of each state are asked for

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
        if not sign or state is None:
            raise InvalidOption(f"after is {text!r}; give the cursor of the page before")
        return cls(queue, state, inner or None)

    def __str__(self) -> str:
        return f"{self.queue}/{self.state}/{self.inner or ''}"


Places: TypeAlias = list[tuple[Cursor, int]]
"""Where to look, and how many jobs there are, or were a moment ago."""


async def search(client: Client, query: Query, limit: int, after: str | None) -> tuple[list[JobRecord], str | None]:
    """Up to `limit` jobs that fit, and where to go on if there may be more."""
    start = None if after is None else Cursor.read(after)
    found: list[JobRecord] = []
    looks = 0
    everywhere = await sections(client, query, ORDER, start, with_empty=True)
    for _, of_queue in groupby(everywhere, lambda place: place[0].queue):
        places = list(of_queue)
        while places:
            if len(found) >= limit or looks >= LOOKS_MAX:
                return found, str((_filled(places) or places)[0][0])
            jobs, places = await _look(client, places, min(limit - len(found), FIND_MAX), query.rest())
            looks += 1
            found += jobs
    return found, None


async def _look(client: Client, places: Places, limit: int, where: Query | None) -> tuple[list[JobRecord], Places]:
    """The first jobs of some sections of one queue, all at one moment, and what is behind them.

    How many to ask each section for follows from how many those before it give. That is guessed, and after a wrong
    guess known better. If the queue moves too quickly for that, it ends with a section, and the rest is read later.
    """
    store = await client.open()
    guess = [count for _, count in places]  # at first, that all of them fit
    jobs: list[JobRecord] = []
    behind = places
    for _ in range(TRIES_MAX):
        reply: Any = await store.run(*_finds(places, guess, limit, where))
        pages: list[Found] = list(reply) if isinstance(reply, tuple) else [reply]
        jobs, behind, is_right = _joined(places, pages, limit)
        if is_right:
            break
        guess = [len(page.jobs) for page in pages] + [0] * (len(places) - len(pages))
    return jobs, behind


def _finds(places: Places, guess: Sequence[int], limit: int, where: Query | None) -> list[Find]:
    finds: list[Find] = []
    expected = 0
    for (place, count), more in zip(places, guess, strict=True):
        finds.append(Find(place.queue, place.state, limit - expected, place.inner, where))
        expected += more
        if expected >= limit or (where is not None and count > FIND_MAX):
            break  # this one fills the page, or is too long to be looked through at once
    return finds


def _joined(places: Places, pages: list[Found], limit: int) -> tuple[list[JobRecord], Places, bool]:
    """The jobs of these pages, what is behind them, and whether the right number was asked for."""
    jobs: list[JobRecord] = []
    for at, page in enumerate(pages):
        place, count = places[at]
        if len(jobs) + len(page.jobs) > limit:
            return jobs, places[at:], False
        jobs += page.jobs
        if page.cursor is not None:
            return jobs, [(Cursor(place.queue, place.state, page.cursor), count), *places[at + 1 :]], True
    behind = _filled(places[len(pages) :])
    return jobs, behind, len(jobs) == limit or not behind


def _filled(places: Places) -> Places:
    """From the first place on that has jobs."""
    return list(dropwhile(lambda place: not place[1], places))


async def sections(
    client: Client, query: Query, order: Sequence[State], start: Cursor | None, *, with_empty: bool = False
) -> Places:
    """Where jobs that fit can be, queue by queue, and how many are there; not what lies before `start`.

    With the empty sections of queues in which there is something: jobs may go there at any time.
    """
    names = tuple(sorted({*query.names_queues()})) or None  # so also one that only Node has used
    queues: Sequence[QueueRecord] = (await client.run(Queues(names))).queues
    wanted = query.states()
    found = [
        (Cursor(one.name, state), one.counts[state])
        for one in queues
        if query.admits(one.name) and any(one.counts[state] for state in wanted)
        for state in order
        if state in wanted and (with_empty or one.counts[state])
    ]
    if start is None:
        return found
    if not query.admits(start.queue) or start.state not in wanted:
        raise InvalidOption(f"after is {str(start)!r}, the cursor of another query; begin without it")
    place = (start.queue, order.index(start.state))
    count = next((count for section, count in found if (section.queue, section.state) == (start.queue, start.state)), 0)
    rest = [(one, count) for one, count in found if (one.queue, order.index(one.state)) > place]
    return [(start, count), *rest]
