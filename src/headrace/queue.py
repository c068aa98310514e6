"""A queue by its name, for jobs of any language: add to it, look at it, hold it."""

from collections.abc import AsyncGenerator, Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final, Unpack

from msgspec import Struct

from headrace.call import Call
from headrace.client import Client
from headrace.core import codec
from headrace.core.commands import Configure, Count, Find, Forget, Get, Tallied, Tally
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import InvalidOption, NoSuchJob
from headrace.core.jobs import STATES, JobRecord, JobRef, State
from headrace.core.log import Gap
from headrace.core.names import check_name, check_queue
from headrace.core.tallies import TALLIES_KEPT_MINUTES
from headrace.engine.home import Home
from headrace.engine.sync import blocking, blocking_iterator
from headrace.events import Event, queue_events
from headrace.flow import plan
from headrace.job import Job
from headrace.options import CallOptions, Choice
from headrace.spans import count_of

PAGE: Final = 50


class Page(Struct, frozen=True):
    """Some jobs, with what the store knew of them; `cursor` continues after them, None when they were the last."""

    jobs: tuple[Job[Any], ...]
    cursor: str | None = None

    def __iter__(self) -> Iterator[Job[Any]]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


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
        """Add a job. If its `job_id` is there already nothing is added, and that job is given."""
        call = self.call(name, data)
        (job,) = plan(call.options(**options) if options else call)
        added = await self._client.add((job,))
        return Job(self._client, added.jobs[0], name, call.load)

    @blocking
    async def pause(self) -> None:
        """Give out no more jobs; those that run go on. Stays so until `resume`, whoever restarts."""
        await self._client.run(Configure(self.name, is_paused=True))

    @blocking
    async def resume(self) -> None:
        """Give out jobs again."""
        await self._client.run(Configure(self.name, is_paused=False))

    @blocking
    async def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        return (await self._client.run(Count((self.name,)))).queues[self.name]

    @blocking
    async def tallies(self, minutes: int = 60) -> Tallied:
        """What finished in the last minutes, the present one included, by minute and task: outcomes, waits, runs.

        Counts are exact and outlive the jobs, for a day; waits and runs are known within a factor of two. Jobs that
        were cancelled before a worker had them are not counted. `InvalidOption` for more minutes than are kept.
        """
        return await self._client.run(Tally(self.name, count_of("minutes", minutes, 1, TALLIES_KEPT_MINUTES)))

    @blocking
    async def jobs(self, state: State, *, limit: int = PAGE, after: str | None = None) -> Page:
        """A page of the jobs in one state, in the order in which they will go; finished ones newest first.

        `after` is the cursor of the page before. Jobs that move meanwhile can be missed or seen twice.
        """
        if state not in STATES:
            near = get_close_matches(state, STATES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"states are {', '.join(STATES)}"
            raise InvalidOption(f"unknown state {state!r}; {hint}")
        found = await self._client.run(Find(self.name, state, count_of("limit", limit, 1, FIND_MAX), after))
        return Page(tuple(known_job(self._client, record) for record in found.jobs), found.cursor)

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
    async def forget(self) -> None:
        """Forget that the queue ever was; `QueueNotEmpty` while it has jobs, finished ones too."""
        await self._client.run(Forget(self.name))


async def find_job(client: Client, queue: str, job_id: str) -> Job[Any]:
    """The job `queue/job_id` with its record; `NoSuchJob` if it is not there."""
    (record,) = (await client.run(Get((JobRef(queue, job_id),)))).jobs
    if record is None:
        raise NoSuchJob(queue=queue, id=job_id)
    return known_job(client, record)


def known_job(client: Client, record: JobRecord) -> Job[Any]:
    """A job of whose record we have; its result is read as its task promises, if that is one of this app."""
    load: Callable[[str], Any] | None = client.loader(record.queue, record.name)
    return Job(client, JobRef(record.queue, record.id), record.name, load, record)
