"""All the jobs that fit a query, as one thing: to be counted, listed, and acted on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from headrace import annotations
from headrace.client import Client
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.commands import Annotate, Move
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import Refused
from headrace.core.jobs import PRIORITY_MAX, JobRef
from headrace.core.names import check_queue
from headrace.core.query import Query
from headrace.core.terms import Number, Term, Text
from headrace.engine.failures import cancelled
from headrace.engine.home import Home
from headrace.engine.sync import blocking
from headrace.job import Job, known_job
from headrace.search import ORDER, search, sections
from headrace.spans import Span, count_of, span_ms
from headrace.sweep import Progress, Swept, annotator, remover, sweep

PAGE: Final = 50


class Page(Struct, frozen=True):
    """Some jobs, with what the store knew of them; `cursor` continues after them, None when they were the last."""

    jobs: tuple[Job[Any], ...]
    cursor: str | None = None

    def __iter__(self) -> Iterator[Job[Any]]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


class Selection:
    """The jobs that fit a query, whenever it is asked: nothing is looked for before.

    Actions are sweeps. They work in short steps, each a transaction of its own, and together they are none. A job that
    moves meanwhile is left alone if it no longer fits; what the store refuses is counted, not raised. `progress` is
    called with a `Swept` after each step. Whoever cancels an action stops it between two steps; give the cursor of the
    last `Swept` as `after` to go on, or begin anew.
    """

    __slots__ = ("_client", "query")

    def __init__(self, client: Client, query: Query) -> None:
        self._client = client
        self.query = query

    @property
    def _home(self) -> Home:
        return self._client.home

    def __repr__(self) -> str:
        return f"<Selection {self.query}>"

    @blocking
    async def jobs(self, *, limit: int = PAGE, after: str | None = None) -> Page:
        """A page of the jobs: queue by queue, what runs first, what has completed last.

        In one state they come in the order in which they will go; finished ones newest first. `after` is the cursor of
        the page before. The jobs of a queue are read at one moment, so that one which changes its state is there once.
        Between two pages, or two queues, jobs that move can be missed or seen twice. Where few jobs fit, a page may be
        short, or empty, and have a cursor: so many were looked at that it is better to ask again.
        """
        records, cursor = await search(self._client, self.query, count_of("limit", limit, 1, FIND_MAX), after)
        return Page(tuple(known_job(self._client, record) for record in records), cursor)

    @blocking
    async def count(self) -> int:
        """How many jobs fit; all of them are looked at, unless only states and queues are asked for."""
        if self.query.rest() is None:
            return sum(count for _, count in await sections(self._client, self.query, ORDER, None))
        count, cursor = 0, None
        while True:
            records, cursor = await search(self._client, self.query, FIND_MAX, cursor)
            count += len(records)
            if cursor is None:
                return count

    @blocking
    async def retry(self, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Run finished jobs again, with all their attempts; see `Job.retry`."""
        return await self._sweep(self.query, Move((), "retry"), progress, after)

    @blocking
    async def promote(self, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Let delayed jobs run now; see `Job.promote`."""
        return await self._sweep(self.query, Move((), "promote"), progress, after)

    @blocking
    async def cancel(
        self, reason: str = "cancelled", *, progress: Progress | None = None, after: str | None = None
    ) -> Swept:
        """Fail the jobs with the cause `cancelled`; the workers of those that run are asked to. See `Job.cancel`."""
        return await self._sweep(self.query, Move((), "cancel", failure=cancelled(reason)), progress, after)

    @blocking
    async def change_delay(self, delay: Span, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Let the jobs run `delay` from now; see `Job.change_delay`."""
        delay_ms = span_ms("delay", delay, DELAY_MAX_MS)
        return await self._sweep(self.query, Move((), "delay", delay_ms=delay_ms), progress, after)

    @blocking
    async def change_priority(
        self, priority: int, *, progress: Progress | None = None, after: str | None = None
    ) -> Swept:
        """Give the jobs this priority; those that have it keep their place. See `Job.change_priority`."""
        count_of("priority", priority, 0, PRIORITY_MAX)
        others = self._but(Number("priority", "=", priority, is_negated=True))
        return await self._sweep(others, Move((), "prioritise", priority=priority), progress, after)

    @blocking
    async def move(self, queue: str, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Move the jobs to another queue; those that are there stay as they are. See `Job.move`."""
        others = self._but(Text("queue", (check_queue(queue),), is_negated=True))
        return await self._sweep(others, Move((), "move", to=queue), progress, after)

    @blocking
    async def remove(self, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Remove the jobs and all that is known of them; see `Job.remove`."""
        return await sweep(self._client, self.query, "remove", remover(self._client), progress, after)

    @blocking
    async def update(self, data: object, *, progress: Progress | None = None, after: str | None = None) -> Swept:
        """Give all the jobs the same new data, in place of the old; see `Job.update`."""
        return await self._annotate(annotations.new_data(self._client, data), progress, after)

    @blocking
    async def patch(
        self, members: Mapping[str, object], *, progress: Progress | None = None, after: str | None = None
    ) -> Swept:
        """Set some members of the jobs' data and leave the others; None takes one away. See `Job.patch`."""
        return await self._annotate(annotations.patch(self._client, members), progress, after)

    @blocking
    async def note(
        self, notes: Mapping[str, object], *, progress: Progress | None = None, after: str | None = None
    ) -> Swept:
        """Attach notes to the jobs; None takes a note away. See `Job.note`."""
        return await self._annotate(annotations.notes(self._client, notes), progress, after)

    def _but(self, term: Term) -> Query:
        """The query without the jobs that are as they should be; so none is met again."""
        return self.query.and_(term)

    async def _sweep(self, query: Query, move: Move, progress: Progress | None, after: str | None) -> Swept:
        async def act(jobs: tuple[JobRef, ...], where: Query) -> Sequence[Refused | None]:
            return (await self._client.run(replace(move, jobs=jobs, where=where))).refusals

        return await sweep(self._client, query, move.action, act, progress, after)

    async def _annotate(self, template: Annotate, progress: Progress | None, after: str | None) -> Swept:
        return await sweep(self._client, self.query, None, annotator(self._client, template), progress, after)
