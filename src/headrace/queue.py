"""A queue by its name, for jobs of any language: add to it, look at it, hold it."""

from collections.abc import AsyncGenerator, Mapping
from difflib import get_close_matches
from typing import Any, Literal, Unpack

from msgspec import UNSET, UnsetType

from headrace.adding import added_jobs
from headrace.call import Call
from headrace.client import Client
from headrace.core import codec
from headrace.core.commands import Configure, Count, DedupRecord, Forget, Get, Queues, Tallied, Tally
from headrace.core.commands.queues import limited
from headrace.core.errors import InvalidOption, NoSuchJob
from headrace.core.jobs import STATES, JobRef, State
from headrace.core.limits import NONE, check
from headrace.core.log import Gap
from headrace.core.names import check_dedup_key, check_name, check_queue
from headrace.core.query import parse
from headrace.core.tallies import TALLIES_KEPT_MINUTES
from headrace.core.terms import Text
from headrace.engine.home import Home
from headrace.engine.sync import blocking, blocking_iterator
from headrace.events import Event, queue_events
from headrace.flow import plan
from headrace.job import Job, known_job
from headrace.limits import Capacity, Limits, Rate, limits_of, stored_keys, stored_rate
from headrace.options import CallOptions, Choice
from headrace.selection import PAGE, Page, Selection
from headrace.spans import AGE_MAX_MS, COUNT_MAX, Keep, Span, count_of, kept, span_ms
from headrace.stats import Stats, stats_of
from headrace.sweep import REMOVABLE, Progress, Removable, Swept, clean, obliterate


class Queue:
    """A queue, which comes into being with its first job."""

    __slots__ = ("_client", "name")

    def __init__(self, client: Client, name: str) -> None:
        """`InvalidName` if no queue may be called so."""
        self._client = client
        self.name = check_queue(name)

    @property
    def _home(self) -> Home:
        return self._client.home

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    def call(self, name: str, data: object = None) -> Call[Any]:
        """A call of a task in whatever language: its name, and its data as a JSON object (none: an empty one)."""
        text = codec.encode({} if data is None else data, f"the data of {name!r}", self._client.settings.data_max)
        load = self._client.loader(self.name, name)
        return Call(self.name, check_name(name), text, Choice(), self._client.pauses, load)

    @blocking
    async def add(self, name: str, data: object = None, **options: Unpack[CallOptions]) -> Job[Any]:
        """Add a job. If its `job_id` is there already, or its dedup key taken, nothing is added and that job given."""
        call = self.call(name, data)
        (job,) = plan(call.options(**options) if options else call)
        added = await self._client.add((job,))
        return added_jobs(self._client, added, [(0, call)])[0]

    @blocking
    async def pause(self) -> None:
        """Give out no more jobs; those that run go on. Stays so until `resume`, whoever restarts."""
        await self._client.run(Configure(self.name, is_paused=True))

    @blocking
    async def resume(self) -> None:
        """Give out jobs again."""
        await self._client.run(Configure(self.name, is_paused=False))

    @blocking
    async def retain(
        self, *, completed: Keep | Literal["default"] | None = None, failed: Keep | Literal["default"] | None = None
    ) -> None:
        """Say what stays of the finished jobs of this queue; what is not given stays as it is.

        It takes the place of the settings, for jobs whose task and call say nothing, also for those that have finished.
        `"default"` goes back to the settings, `Keep()` keeps all. A worker applies it, in short steps, and never
        touches a job that has not finished. `InvalidOption` for anything else.
        """
        await self._client.run(
            Configure(self.name, keep_completed=kept("completed", completed), keep_failed=kept("failed", failed))
        )

    @blocking
    async def limit(
        self,
        *,
        concurrency: int | UnsetType | None = UNSET,
        rate: Rate | UnsetType | None = UNSET,
        max_waiting: int | UnsetType | None = UNSET,
        per_key: Mapping[str, Capacity] | UnsetType | None = UNSET,
    ) -> None:
        """Set limits that hold for all workers and producers together; None lifts one, what is not given stays.

        `concurrency` jobs run at once; `rate` bounds the starts; `max_waiting` jobs wait (also delayed, or for their
        children), and adding more raises `QueueFull`. `per_key` names one member of the data, for instance `tenant`:
        jobs in which it is a different text or whole number take turns, and each key has limits of its own.

        A limit holds from the next add and claim on: what runs goes on and what waits stays, though it be more.
        Jobs that were accepted once are never refused: attempts, retries, promotions, parents whose children are done.
        `InvalidOption` for a limit that cannot be; the queue is made if need be.
        """
        given = Configure(
            self.name,
            concurrency=concurrency,
            max_waiting=max_waiting,
            rate=stored_rate(rate),
            per_key=stored_keys(per_key),
        )
        check(limited(NONE, given))
        await self._client.run(given)

    @blocking
    async def limits(self) -> Limits:
        """The limits of the queue; all are None while nobody has set any."""
        records = (await self._client.run(Queues((self.name,)))).queues
        return limits_of(records[0].limits if records else NONE)

    @blocking
    async def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        return (await self._client.run(Count((self.name,)))).queues[self.name]

    @blocking
    async def stats(self) -> Stats:
        """Jobs by state, the longest wait, rates, waits and runs, failures, workers; no job is looked at for it."""
        return await stats_of(self._client, self.name)

    @blocking
    async def tallies(self, minutes: int = 60) -> Tallied:
        """What finished in the last minutes, the present one included, by minute and task: outcomes, waits, runs.

        Counts are exact and outlive the jobs, for a day; waits and runs are known within a factor of two. Jobs that
        were cancelled before a worker had them are not counted. `InvalidOption` for more minutes than are kept.
        """
        return await self._client.run(Tally(self.name, count_of("minutes", minutes, 1, TALLIES_KEPT_MINUTES)))

    @blocking
    async def jobs(self, query: str = "", *, limit: int = PAGE, after: str | None = None) -> Page:
        """A page of the jobs that fit a query, `"failed"` or `"failed name:send* age:>1h"`; see `Selection.jobs`."""
        return await self.select(query).jobs(limit=limit, after=after)

    def select(self, query: str = "") -> Selection:
        """All jobs of this queue that fit a query, to be looked at or acted on.

        `BadQuery` says what is wrong with the query, `InvalidOption` that it asks for another queue.
        """
        asked = parse(query)
        for name in asked.names_queues():
            if name != self.name:
                near = get_close_matches(name, STATES, n=1)
                hint = f"did you mean {near[0]}?" if near else f"states are {', '.join(STATES)}"
                raise InvalidOption(f"{name!r} is neither a state nor this queue, {self.name!r}; {hint}")
        return Selection(self._client, asked.and_(Text("queue", (self.name,))))

    @blocking
    async def retry_all(self, query: str = "failed", *, progress: Progress | None = None) -> Swept:
        """Run the finished jobs that fit again; see `Selection.retry`."""
        return await self.select(query).retry(progress=progress)

    @blocking
    async def promote_all(self, query: str = "delayed", *, progress: Progress | None = None) -> Swept:
        """Let the delayed jobs that fit run now; see `Selection.promote`."""
        return await self.select(query).promote(progress=progress)

    @blocking
    async def drain(self, *, delayed: bool = False, progress: Progress | None = None) -> Swept:
        """Remove the jobs that are ready to run, and with `delayed` those that will be; see `clean`.

        On Redis the next job of a job scheduler of BullMQ stays, so that the scheduler goes on.
        """
        states: tuple[Removable, ...] = ("waiting", "prioritized", "delayed") if delayed else ("waiting", "prioritized")
        return await clean(self._client, self.name, states, 0, COUNT_MAX, progress)

    @blocking
    async def clean(
        self,
        state: Removable,
        *,
        older_than: Span = 0,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Swept:
        """Remove the jobs in a state, the oldest first, at most `limit`; in short steps, as all sweeps.

        `older_than` is how long ago they finished; if they have not finished, how long ago they were added. Parents go
        on without the children that are removed. `InvalidOption` for `active`: what runs is its worker's.
        """
        if state not in REMOVABLE:
            raise InvalidOption(f"clean() removes jobs that are {', '.join(REMOVABLE)}, not {state}")
        older_ms = span_ms("older_than", older_than, AGE_MAX_MS)
        most = COUNT_MAX if limit is None else count_of("limit", limit, 1, COUNT_MAX)
        return await clean(self._client, self.name, (state,), older_ms, most, progress)

    @blocking
    async def obliterate(self, *, force: bool = False, progress: Progress | None = None) -> None:
        """Remove every job of the queue, and the queue itself with its settings and events.

        The queue is paused first. `QueueBusy` while jobs run, and nothing is changed; with `force` they are taken from
        their workers, who cannot settle them. `NoSuchQueue` if there is none. After a crash half-way the queue is
        paused and smaller: do it again.
        """
        await obliterate(self._client, self.name, progress, is_forced=force)

    @blocking
    async def get(self, job_id: str) -> Job[Any]:
        """The job of this id; `NoSuchJob` if it is not there."""
        return await find_job(self._client, self.name, job_id)

    @blocking_iterator
    async def events(self, after: int | None = None) -> AsyncGenerator[Event | Gap]:
        """Every transition of every job of the queue: those after a position, then each as it happens.

        Without a position only what is new; 0 is all that is kept. To resume, give the position of the last event
        seen, or the `last` of a gap. A `Gap` among them stands for events that were trimmed before they were read; the
        reader goes on after it. `InvalidOption` for a position that no event has had yet.
        """
        source = queue_events(self._client, self.name, after)
        try:
            async for event in source:
                yield event
        finally:
            await source.aclose()

    @blocking
    async def dedup(self, key: str) -> DedupRecord | None:
        """Which job has a dedup key, and until when; None if the key is free. The job itself may be gone."""
        records = (await self._client.run(Queues((self.name,), check_dedup_key(key)))).queues
        return records[0].dedup if records else None

    @blocking
    async def forget_dedup(self, key: str) -> JobRef | None:
        """Forget a dedup key, so that the next add with it is no duplicate; the job that had it, None if none had.

        That job stays as it is; one that `keep_last` kept for its end is forgotten. `NoSuchQueue` if there is none.
        """
        return (await self._client.run(Forget(self.name, dedup=check_dedup_key(key)))).job

    @blocking
    async def forget(self) -> None:
        """Forget that the queue ever was; `QueueNotEmpty` while it has jobs, finished ones too."""
        await self._client.run(Forget(self.name))


async def find_job(client: Client, queue: str, job_id: str) -> Job[Any]:
    """The job `queue/job_id` with its record; `NoSuchJob` if it is not there."""
    (record,) = (await client.run(Get((JobRef(queue, job_id),)))).jobs
    if record is None:
        raise NoSuchJob(queue=queue, id=job_id)
    return known_job(client, record)
