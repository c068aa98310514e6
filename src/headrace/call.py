"""A call: what to run, and how, as a frozen value. It serves single adds, bulk, and flows."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar, Unpack

from msgspec import Struct, field
from msgspec.structs import replace

from headrace.backoff import Pauses
from headrace.core.errors import BadFlow, Misuse
from headrace.core.jobs import NewJob, Parent
from headrace.job import Job
from headrace.layout import laid_out
from headrace.options import CALL_OPTIONS, CallOptions, Choice, IfFailed, check_if_failed

R = TypeVar("R")

CHILDREN_MAX: Final = 10_000


class Call(Struct, Generic[R], frozen=True, eq=False):
    """A job to be: its data is checked and written already. `options` and `after` give a new call each."""

    queue: str
    name: str
    data: str
    choice: Choice
    pauses: Pauses
    load: Callable[[str], R] | None = None
    children: tuple[tuple["Call[Any]", IfFailed], ...] = ()
    wants: tuple[str, ...] = ()
    """The tasks of those children from which arguments are to come that were not given."""
    origin: object = field(default_factory=object)
    """What all calls that `after` made of one another share: in a flow each may stand once."""

    def __repr__(self) -> str:
        return f"<Call {self.queue}/{self.name}>"  # the data may be large, or secret

    def options(self, **options: Unpack[CallOptions]) -> "Call[R]":
        """The same call, run otherwise: `InvalidOption` if an option is unknown or out of bounds."""
        return replace(self, choice=self.choice.changed(options, self.pauses, CALL_OPTIONS), origin=object())

    def after(self, *calls: "Call[Any]", if_failed: IfFailed = "fail_parent") -> "Call[R]":
        """The same call, run when these are done; several `after` add up.

        `if_failed` says what happens when one of them fails for good. `fail_parent`: this one fails too, without being
        run. `continue_parent`: it runs at once. `ignore`: it runs when the others are done, and can read the reason.
        `drop`: the same, and that one is no child any more. `wait`: it waits until that one is retried or removed. A
        child's own option `if_failed` wins.
        """
        if not calls:
            raise BadFlow(f"{self.name}: after() without a call; name what must be done before")
        policy = check_if_failed("if_failed", if_failed) or "fail_parent"
        for call in calls:
            _check_child(call)
        if len(self.children) + len(calls) > CHILDREN_MAX:
            raise BadFlow(f"{self.name} has more than {CHILDREN_MAX} children; put some below others")
        return replace(self, children=self.children + tuple((call, policy) for call in calls))

    def jobs(self, parent: Parent | None = None) -> list[NewJob]:
        """What a store is asked to add for this call and all below it, its own job first."""
        choice = self.choice
        if not (self.children or self.wants or parent or choice.if_failed or choice.options.dedup):
            return [self.new_job()]  # nearly every call
        return laid_out(self, parent)

    def new_job(self, *, id: str | None = None, parent: Parent | None = None) -> NewJob:
        """What a store is asked to add for this call alone."""
        choice = self.choice
        return NewJob(
            self.queue,
            self.name,
            self.data,
            choice.job_id or id,
            choice.priority,
            choice.delay_ms,
            choice.options,
            parent,
            bool(self.children),
        )


def _check_child(call: object) -> None:
    if isinstance(call, Job):
        raise Misuse("after(job) with a job that exists already comes with a later release; pass the call that adds it")
    if not isinstance(call, Call):
        hint = "; write task.call(…)" if callable(call) else ""
        raise Misuse(f"after() takes calls, not {type(call).__name__}{hint}")


class Enqueue(Protocol):
    """The shape of `App.enqueue`."""

    def __call__(self, call: Call[R]) -> Coroutine[Any, Any, Job[R]]:
        """Add, and await."""
        ...

    def sync(self, call: Call[R]) -> Job[R]:
        """Add, and block."""
        ...


class EnqueueMany(Protocol):
    """The shape of `App.enqueue_many`."""

    def __call__(self, calls: Iterable[Call[R]]) -> Coroutine[Any, Any, list[Job[R]]]:
        """Add, and await."""
        ...

    def sync(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Add, and block."""
        ...
