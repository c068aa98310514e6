"""A job in a user's hands: wait for its result, look at it, move it."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec.structs import replace

from headrace import annotations, reading
from headrace.client import Client
from headrace.core import codec
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.commands import Lines, Move, Moved, Node, Remove, Tree
from headrace.core.errors import InvalidOption, Misuse, NoSuchJob
from headrace.core.jobs import FINISHED, PRIORITY_MAX, JobRecord, JobRef, Lease, Parent, State
from headrace.core.log import Gap
from headrace.core.names import check_queue
from headrace.engine.context import jobs_below
from headrace.engine.failures import cancelled
from headrace.engine.home import Home
from headrace.engine.sync import BlockingAs, blocking, blocking_iterator
from headrace.events import Event, flow_events
from headrace.layout import Addable
from headrace.options import IfFailed
from headrace.spans import Span, count_of, span_ms
from headrace.why import why

R = TypeVar("R")
C = TypeVar("C")

LINES_PAGE: Final = 1_000
WAIT_MAX_MS: Final = DELAY_MAX_MS


class AddChildShape(Protocol):
    """The shape of `Job.add_child`."""

    def __call__(self, call: Addable[C], *, if_failed: IfFailed = "fail_parent") -> "Coroutine[Any, Any, Job[C]]":
        """Add, and await."""
        ...

    def sync(self, call: Addable[C], *, if_failed: IfFailed = "fail_parent") -> "Job[C]":
        """Add, and block."""
        ...


class Job(Generic[R]):
    """A job, by queue and id. What it looks like is asked of the store each time; `record` is what was seen last."""

    __slots__ = ("_client", "_load", "_ref", "_seen", "is_duplicate", "is_kept", "name", "replaced")

    def __init__(
        self,
        client: Client,
        ref: JobRef,
        name: str,
        load: Callable[[str], R] | None = None,
        seen: JobRecord | Lease | None = None,
        *,
        is_duplicate: bool = False,
        is_kept: bool = False,
        replaced: JobRef | None = None,
    ) -> None:
        self._client = client
        self._ref = ref
        self._load = load
        self._seen = seen
        self.name = name
        self.is_duplicate = is_duplicate
        """Whether the add that gave this job added nothing, because its `job_id` was there or its dedup key taken."""
        self.is_kept = is_kept
        """Whether what was to be added is kept for the end of this job, which runs: see `Dedup`."""
        self.replaced = replaced
        """The job whose place this one took when it was added: see `Dedup`."""

    @property
    def queue(self) -> str:
        """The queue's name."""
        return self._ref.queue

    @property
    def id(self) -> str:
        """Unique in its queue; never a secret."""
        return self._ref.id

    @property
    def ref(self) -> JobRef:
        """Queue and id as one value, written `queue/id`."""
        return self._ref

    @property
    def record(self) -> JobRecord | None:
        """What the store said of the job when it was last asked, None if it was not."""
        return self._seen if isinstance(self._seen, JobRecord) else None

    @property
    def data(self) -> Any:
        """The job's data as last seen; `Misuse` if nothing was seen of it yet."""
        if self._seen is None:
            raise Misuse(f"nothing is known of {self._ref} yet; `await job.refresh()` first")
        return codec.decode(self._seen.data)

    @property
    def _home(self) -> Home:
        return self._client.home

    def __repr__(self) -> str:
        return f"<Job {self._ref} {self.name}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return other._client is self._client and other._ref == self._ref

    def __hash__(self) -> int:
        return hash(self._ref)

    @blocking
    async def refresh(self) -> JobRecord:
        """Everything the store knows of the job now; `NoSuchJob` if it is gone."""
        record = await reading.record(self._client, self._ref)
        self._seen, self.name = record, record.name
        return record

    @blocking
    async def state(self) -> State:
        """The state the job has now; `NoSuchJob` if it is gone."""
        return (await self.refresh()).state

    @blocking
    async def result(self, timeout: Span | None = None) -> R:
        """What the job returned, as soon as it has. With a timeout of 0, what it has returned already.

        Raises `JobFailed` with reason and cause if it failed for good, `ResultTimeout` if it did neither in time (it
        goes on), `NoSuchJob` if it was removed: also if retention took it, and its result, at once.

        Examples:
            >>> job = resize.enqueue.sync("a.png")
            >>> job.result.sync(timeout=0)
            Traceback (most recent call last):
            headrace.core.results.ResultTimeout: default/1 has not finished within 0.0 s
        """
        limit = None if timeout is None else span_ms("timeout", timeout, WAIT_MAX_MS) / 1000
        record = await self.refresh()
        if record.state not in FINISHED:
            self._seen = record = await reading.finished(self._client, self._ref, limit)
        return reading.result(record, self._load)

    @blocking
    async def retry(self, *, children: bool = False) -> None:
        """Run a finished job again, with all its attempts; `WrongState` if it is not finished.

        A parent waits first for its children that are not done, and for those that have failed it: retry them too. A
        child is waited for again by a parent that still waits; a parent that has finished stays as it is.

        With `children` whatever has failed runs again, of the job and of all below it, the leaves first, in one step;
        what has completed is not run again. `WrongState` if nothing has failed.
        """
        await self._move(Move((self._ref,), "retry", with_children=children))

    @blocking
    async def promote(self) -> None:
        """Let a delayed job run now; `WrongState` if it is not delayed."""
        await self._move(Move((self._ref,), "promote"))

    @blocking
    async def cancel(self, reason: str = "cancelled", *, children: bool = False) -> bool:
        """Fail the job with the cause `cancelled`: at once (True), or, while it runs, by asking its worker (False).

        With `children` also all below it that have not ended, in one step; False if one of them runs. `WrongState` if
        all have ended.
        """
        moved = await self._move(Move((self._ref,), "cancel", failure=cancelled(reason), with_children=children))
        return not moved.requested

    @blocking
    async def change_delay(self, delay: Span) -> None:
        """Let the job run `delay` from now; `WrongState` if it has begun."""
        delay_ms = span_ms("delay", delay, DELAY_MAX_MS)
        await self._move(Move((self._ref,), "delay", delay_ms))

    @blocking
    async def change_priority(self, priority: int) -> None:
        """Put the job behind those of this priority (1 is first, 0 is before all); `WrongState` if it has begun."""
        first = count_of("priority", priority, 0, PRIORITY_MAX)
        await self._move(Move((self._ref,), "prioritise", priority=first))

    @blocking
    async def move(self, queue: str) -> "Job[R]":
        """The job in another queue, with data, options, notes, and the attempts it has made; here it is gone.

        It keeps its state, and a `job_id` of its own: `DuplicateId` if that is taken there. Others get a new id.
        `WrongState` while it runs, `InFlow` if it has a parent or children.
        """
        if check_queue(queue) == self.queue:
            raise InvalidOption(f"{self._ref} is in the queue {queue!r} already; name another")
        moved = await self._move(Move((self._ref,), "move", to=queue))
        seen = None if self.record is None else replace(self.record, queue=queue, id=moved.jobs[0].id)
        return Job(self._client, moved.jobs[0], self.name, self._load, seen)

    @blocking
    async def remove(self, *, children: bool = False) -> None:
        """Remove the job and all that is known of it; `WrongState` while it runs.

        Its children go on without a parent. With `children` they are removed too, and theirs, all in one step; if one
        of them runs, nothing is removed and `WrongState` names it.
        """
        for refusal in (await self._client.run(Remove((self._ref,), with_children=children))).refusals:
            if refusal is not None:
                raise refusal

    @BlockingAs[AddChildShape]
    async def add_child(self, call: Addable[C], *, if_failed: IfFailed = "fail_parent") -> "Job[C]":
        """Add a child, with all below it, to a job that waits for children or runs; it waits for this one as well.

        `WrongState` if the job is in another state: what has been released is not called back.
        """
        added = await self._client.add(jobs_below(Parent(self.queue, self.id, if_failed), call))
        return Job(self._client, added.jobs[0], call.name, call.load)

    @blocking
    async def update(self, data: object) -> None:
        """Replace the job's data. Whether it fits the task is seen when the job runs."""
        await self._client.run(annotations.new_data(self._client, data, self._ref))

    @blocking
    async def patch(self, members: Mapping[str, object]) -> None:
        """Set some members of the job's data and leave the others; None takes one away, a mapping is merged.

        A run that has begun goes on with the data that it has. `NotAnObject` if the data has no members,
        `DataTooLarge` if it would have more bytes than `data_max` lets.
        """
        await self._client.run(annotations.patch(self._client, members, self._ref))

    @blocking
    async def note(self, /, **notes: object) -> None:
        """Attach notes for people and programs; None takes a note away."""
        await self._client.run(annotations.notes(self._client, notes, self._ref))

    @blocking
    async def logs(self, after: int = 0, limit: int = LINES_PAGE) -> list[str]:
        """The lines the job has logged, from line number `after` on; the oldest may be gone."""
        count_of("limit", limit, 1, LINES_PAGE)
        return list((await self._client.run(Lines(self._ref, after, limit))).lines)

    @blocking
    async def progress(self) -> Any:
        """What the handler said last of how far it is, None if nothing."""
        text = (await self.refresh()).progress
        return None if text is None else codec.decode(text)

    @blocking
    async def children(self) -> list[Node]:
        """The children of the job with their records and results, in the order in which they were added."""
        nodes = (await self._client.run(Tree(self._ref, depth=1))).nodes
        if not nodes:
            raise NoSuchJob(queue=self.queue, id=self.id)
        return list(nodes[1:])

    @blocking_iterator
    async def events(self, after: Mapping[str, int] | None = None) -> AsyncGenerator[Event | Gap]:
        """Every transition of the job and of all jobs below it, until each of them has ended or is gone.

        Without `after` only what is new; `{}` is all that is kept. To resume, give for each queue the position of the
        last event seen of it, or the `last` of its gap; of a queue that is not named all that is kept is told. The
        events of one queue come in order, those of several by their time. A child that is added later belongs to it,
        and is told of at the latest when its parent waits for it. Of a flow of more than 10,000 jobs, the first are.
        Raises `NoSuchJob`, and `InvalidOption` for a position that no event has had yet.
        """
        source = flow_events(self._client, self._ref, after)
        try:
            async for event in source:
                yield event
        finally:
            await source.aclose()

    @blocking
    async def why(self) -> list[str]:
        """Sentences that say why the job does not run, or what became of it, and what to do; `NoSuchJob` if gone."""
        store = await self._client.open()
        return await why(store, self._ref, self._client.settings.url, is_duplicate=self.is_duplicate)

    async def _move(self, move: Move) -> Moved:
        moved = await self._client.run(move)
        if moved.refusals[0] is not None:
            raise moved.refusals[0]
        return moved


def known_job(client: Client, record: JobRecord) -> Job[Any]:
    """A job of whose record we have; its result is read as its task promises, if that is one of this app."""
    load: Callable[[str], Any] | None = client.loader(record.queue, record.name)
    return Job(client, JobRef(record.queue, record.id), record.name, load, record)
