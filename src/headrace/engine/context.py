"""What a handler can ask about its own run, and say about it."""

from collections.abc import Coroutine
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar
from uuid import uuid4

from msgspec import Struct

from headrace.core import codec
from headrace.core.commands import Add, Annotate, Get, Node, Tree
from headrace.core.commands.reads import TREE_MAX
from headrace.core.errors import DuplicateId, LeaseLost, Misuse, NoSuchChild, Unavailable
from headrace.core.jobs import Failure, JobRef, Lease, NewJob, Parent, Policy, Slot, State
from headrace.engine.failures import head
from headrace.engine.home import Home
from headrace.engine.run import Run, running
from headrace.engine.sync import BlockingAs, blocking
from headrace.storage.protocol import granted

LINE_MAX: Final = 16 << 10  # characters of one log line; the rest of a longer one is cut off

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Returns(Protocol[R_co]):
    """A task as a parent knows it: its name, and how its result is read."""

    @property
    def name(self) -> str: ...
    def load_result(self, text: str, /) -> R_co: ...


class ChildShape(Protocol):
    """The shape of `Context.child`."""

    def __call__(self, task: Returns[R]) -> Coroutine[Any, Any, R]: ...
    def sync(self, task: Returns[R]) -> R: ...


class ChildrenShape(Protocol):
    """The shape of `Context.children`."""

    def __call__(self, task: Returns[R]) -> Coroutine[Any, Any, list[R]]: ...
    def sync(self, task: Returns[R]) -> list[R]: ...


class Addable(Protocol):
    """A call as a parent adds it: the new jobs of it and of all below it."""

    def jobs(self, parent: Parent, /) -> list[NewJob]: ...


Fate: TypeAlias = Literal["pending", "completed", "failed", "ignored"]


class Child(Struct, frozen=True):
    """A child as its parent sees it. `state` is None if the child was removed; its result or failure stays.

    `fate` is what it came to for its parent: `pending` if the parent waits for it, `completed`, `ignored` if it failed
    and its parent goes on without it, `failed` if it has failed its parent.
    """

    queue: str
    id: str
    name: str
    state: State | None
    result: Any = None
    failure: Failure | None = None
    has_result: bool = False
    fate: Fate = "pending"


class Context:
    """The run of a job, for its own handler. Every async method has a blocking form `.sync` for plain functions."""

    __slots__ = ("_home", "_run", "job")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._home: Home = run.home
        self.job: Lease = run.lease
        """The job: `queue`, `id`, `name`, `data` (JSON text) and what else the worker knows of it."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.job.attempts_made + 1

    @property
    def slot(self) -> Slot | None:
        """The slot of which this is the job: the name of the `schedule`, and the instant `at` in milliseconds."""
        return self.job.options.slot

    @property
    def cancelled(self) -> bool:
        """Whether this run was told to stop: cancelled, timed out, handed back, or its lease is lost.

        An async handler is also cancelled in the way of asyncio; a plain function has to look here.
        """
        return self._run.why is not None or self._run.is_over

    @property
    def lease_lost(self) -> bool:
        """Whether the job is no longer ours: nothing that this run still does will be recorded."""
        return self._run.why == "lease-lost"

    @blocking
    async def progress(self, value: object) -> None:
        """Record how far the job is: a number, or anything that JSON can say. `LeaseLost` if the job is not ours."""
        await self._annotate(progress=codec.encode(value, "the progress"))

    @blocking
    async def log(self, text: str) -> None:
        """Add a line to the log of the job, `LINE_MAX` characters of it. `LeaseLost` if the job is not ours.

        What no store can keep (NUL, half characters, as in the output of programs) is replaced.
        """
        await self._annotate(lines=(head(text[:LINE_MAX], 4 * LINE_MAX),))

    @blocking
    async def add_child(self, call: Addable, *, if_failed: Policy = "fail_parent") -> JobRef:
        """Add a child to this job, with all below it; raise `WaitForChildren` to run again when it is done.

        It is stored when this returns, and begins at once; a job that completes does not wait for it. A run that begins
        again from the top says the same again: a child with a `job_id` that this job has had already is not added a
        second time, unless it was dropped and has been removed since. `LeaseLost` if the job is not ours; then nothing
        is added.
        """
        run, ref = self._run, JobRef(self.job.queue, self.job.id)
        if run.is_over:
            raise LeaseLost(queue=ref.queue, id=ref.id)
        jobs = jobs_below(Parent(ref.queue, ref.id, if_failed), call)
        own = None if jobs[0].id is None else JobRef(jobs[0].queue, jobs[0].id)
        if own is None or not await self._has_had(own):
            own = await self._add(jobs, own)
        run.has_added = True
        return own

    @blocking
    async def children_by_key(self) -> dict[str, Child]:
        """Every child by its `queue/id`, in the order in which they were added; `fate` says what became of it."""
        return {f"{child.queue}/{child.id}": child for child in map(_child, await self._nodes())}

    @blocking
    async def ended(self) -> Child:
        """What became of the job whose `finally_` or `on_failure` step this is: its result, or why it failed.

        `state` is None if it was removed. What became of the jobs below it, `children_by_key` says to a step of
        `finally_`. `NoSuchChild` if this job is no step.
        """
        for node in await self._nodes():
            if node.is_followed:
                return _child(node)
        raise NoSuchChild(f"{self.job.queue}/{self.job.id} is no step that runs when another job has ended")

    @BlockingAs[ChildrenShape]
    async def children(self, task: Returns[R]) -> list[R]:
        """The results of all completed children of this task, in the order in which they were added."""
        return await self._results(task)

    @BlockingAs[ChildShape]
    async def child(self, task: Returns[R]) -> R:
        """The result of the one completed child of this task: `NoSuchChild` if there is none, or more than one."""
        results = await self._results(task)
        if len(results) != 1:
            many = f"{len(results)} completed children" if results else "no completed child"
            raise NoSuchChild(f"{self.job.queue}/{self.job.id} has {many} of the task {task.name!r}, not exactly one")
        return results[0]

    async def _results(self, task: Returns[R]) -> list[R]:
        return [
            task.load_result(text)
            for node in await self._nodes()
            if node.name == task.name and (text := _result(node)) is not None
        ]

    async def _add(self, jobs: tuple[NewJob, ...], own: JobRef | None) -> JobRef:
        run = self._run
        try:
            reply = await run.storage.run(Add(jobs, uuid4().hex, self.job.token))
            self._note_loss(reply)
            added = granted(reply).jobs[0]
        except (DuplicateId, Unavailable):
            run.children = None  # it may have been added after all, or somebody else gave it to this job meanwhile
            if own is None or not (await self._has_had(own) or await self._has_dropped(own)):
                raise
            return own
        if run.children is not None:
            run.children.add(added)
        return added

    async def _has_had(self, child: JobRef) -> bool:
        """Whether the job has or had this child: what is gone is remembered here only. It is read once a run."""
        if self._run.children is None:
            self._run.children = {node.job for node in await self._nodes()}
        return child in self._run.children

    async def _has_dropped(self, child: JobRef) -> bool:
        """Whether this failed job was a child, and is one no more; it names its parent still."""
        (record,) = granted(await self._run.storage.run(Get((child,)))).jobs
        parent = record.parent if record is not None else None
        return parent is not None and (parent.queue, parent.id) == (self.job.queue, self.job.id)

    async def _nodes(self) -> list[Node]:
        ref = JobRef(self.job.queue, self.job.id)
        reply = await self._run.storage.run(Tree(ref, depth=1))
        grown = granted(reply)
        if grown.is_cut:
            raise Misuse(
                f"{ref} has {TREE_MAX} children or more, too many to read at once;"
                " give it fewer, and these have children in their turn"
            )
        return [node for node in grown.nodes if node.parent == ref]

    async def _annotate(self, progress: str | None = None, lines: tuple[str, ...] = ()) -> None:
        if self._run.is_over:
            raise LeaseLost(queue=self.job.queue, id=self.job.id)
        ref = JobRef(self.job.queue, self.job.id)
        reply = await self._run.storage.run(Annotate(ref, self.job.token, progress, lines))
        self._note_loss(reply)
        granted(reply)

    def _note_loss(self, reply: object) -> None:
        if isinstance(reply, LeaseLost) and self._run.why is None:
            self._run.why = "lease-lost"


def current() -> Context:
    """The context of the handler that is running here, also in functions and threads that it calls.

    `Misuse` outside a handler.

    Examples:
        >>> @app.task
        ... def convert(path: str) -> str:
        ...     ctx = headrace.context()
        ...     ctx.log.sync(f"attempt {ctx.attempt} of {path}")
        ...     return path
    """
    run = running.get()
    if run is None:
        raise Misuse("there is no job here: headrace.context() works inside a handler, and in what it calls")
    return Context(run)


def jobs_below(parent: Parent, call: Addable) -> tuple[NewJob, ...]:
    """The jobs of a call as a child of this parent; `Misuse` for what is no call."""
    if not hasattr(call, "new_job"):
        hint = "; write task.call(…)" if callable(call) else ""
        raise Misuse(f"add_child takes a call, not {type(call).__name__}{hint}")
    return tuple(call.jobs(parent))


def _result(node: Node) -> str | None:
    """The JSON text of a completed child's result."""
    if node.value is not None:
        return node.value
    return node.record.result if node.record is not None and node.record.state == "completed" else None


def _child(node: Node) -> Child:
    text, record = _result(node), node.record
    failure = record.failure if record is not None else None
    if node.ignored is not None and failure is None:
        failure = Failure(node.ignored)
    return Child(
        queue=node.job.queue,
        id=node.job.id,
        name=node.name,
        state=record.state if record is not None else None,
        result=None if text is None else codec.decode(text),
        failure=failure,
        has_result=text is not None,
        fate=_fate(node),
    )


def _fate(node: Node) -> Fate:
    if node.is_pending:
        return "pending"
    if node.ignored is not None:
        return "ignored"
    return "completed" if _result(node) is not None else "failed"
