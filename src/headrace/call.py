"""A call: what to run, and how, as a frozen value. It serves single adds, bulk, and flows."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar, Unpack

from msgspec import Struct, field
from msgspec.structs import replace

from headrace.backoff import Pauses
from headrace.core.errors import BadFlow, Misuse
from headrace.core.jobs import Bond, Follow, NewJob, Parent, Siblings
from headrace.job import Job
from headrace.layout import laid_out
from headrace.options import CALL_OPTIONS, CallOptions, Choice, IfFailed, check_if_failed

R = TypeVar("R")

CHILDREN_MAX: Final = 10_000
STEPS_MAX: Final = 10


class Call(Struct, Generic[R], frozen=True, eq=False):
    """A job to be: its data is checked and written already. `options` and `after` give a new call each."""

    queue: str
    name: str
    data: str
    choice: Choice
    pauses: Pauses
    load: Callable[[str], R] | None = None
    children: tuple[tuple["Call[Any]", IfFailed], ...] = ()
    followed: tuple[tuple[str, Follow], ...] = ()
    """Jobs that are there already and must have ended before, each with its name."""
    steps: tuple[tuple["Call[Any]", Bond], ...] = ()
    """What is to run when this one has ended."""
    wants: tuple[str, ...] = ()
    """The tasks of those children from which arguments are to come that were not given."""
    origin: object = field(default_factory=object)
    """What all calls that `after` made of one another share: in a flow each may stand once."""

    def __repr__(self) -> str:
        return f"<Call {self.queue}/{self.name}>"  # the data may be large, or secret

    def options(self, **options: Unpack[CallOptions]) -> "Call[R]":
        """The same call, run otherwise: `InvalidOption` if an option is unknown or out of bounds."""
        return replace(self, choice=self.choice.changed(options, self.pauses, CALL_OPTIONS), origin=object())

    def after(
        self,
        *calls: "Call[Any] | Job[Any]",
        if_failed: IfFailed = "fail_parent",
        on_sibling_failure: Siblings | None = None,
    ) -> "Call[R]":
        """The same call, run when these are done; several `after` add up.

        A call is added together with this one, as its child. A job is there already, in whatever queue, and knows
        nothing of it; if it has ended, that counts at once. `NoSuchJob` when this is enqueued and the job is gone.

        `if_failed` says what happens when one of them fails for good. `fail_parent`: this one fails too, without being
        run. `continue_parent`: it runs at once. `ignore`: it runs when the others are done, and can read the reason.
        `drop`: the same, and that one is no child any more. `wait`: it waits until that one is retried or removed. A
        child's own option `if_failed` wins.

        `on_sibling_failure` says what becomes of the other children, whichever `after` named them, when one has failed
        this call: they `run` on, the default, or are cancelled, with all below them that has not ended (`cancel`).
        """
        if not calls:
            raise BadFlow(f"{self.name}: after() without a call; name what must be done before")
        policy = check_if_failed("if_failed", if_failed) or "fail_parent"
        choice = self.choice.with_siblings(on_sibling_failure)
        children: list[Call[Any]] = []
        followed: list[tuple[str, Follow]] = []
        for call in calls:
            if isinstance(call, Job):
                followed.append((call.name, Follow(call.queue, call.id, policy)))
            else:
                _check_call("after", call)
                children.append(call)
        if len(self.children) + len(self.followed) + len(calls) > CHILDREN_MAX:
            raise BadFlow(f"{self.name} has more than {CHILDREN_MAX} children; put some below others")
        return replace(
            self,
            choice=choice,
            children=self.children + tuple((call, policy) for call in children),
            followed=(*self.followed, *followed),
        )

    def finally_(self, call: "Call[Any]") -> "Call[R]":
        """The same call, with a step that runs once it and all below it have ended, however they ended.

        The step is a job of its own, added together with this one: a worker that dies in it is followed by another, and
        a retry of this one does not bring it back. It learns with `headrace.context().ended()` what became of this one.
        It is no part of the flow: who waits for this one does not wait for the step, and who cancels the flow lets it
        run. `BadFlow` if it has children or steps of its own.
        """
        return self._with_step("finally_", call, "finally")

    def on_failure(self, call: "Call[Any]") -> "Call[R]":
        """The same call, with a step that runs once when it has failed for good, also by being cancelled.

        It runs at once, whatever else of the flow still runs. When this one completes, or is removed, the step is
        removed unrun. For the rest it is as one of `finally_`.
        """
        return self._with_step("on_failure", call, "on_failure")

    def _with_step(self, verb: str, call: "Call[Any]", bond: Bond) -> "Call[R]":
        _check_call(verb, call)
        if call.children or call.followed or call.steps:
            raise BadFlow(f"{verb}({call.name}): a step is one job, without others before or after it")
        if call.wants:
            raise BadFlow(f"{verb}({call.name}): a step has no children to take arguments from; read context().ended()")
        if len(self.steps) == STEPS_MAX:
            raise BadFlow(f"{self.name} has more than {STEPS_MAX} steps; let one of them add the others")
        return replace(self, steps=(*self.steps, (call, bond)))

    def jobs(self, parent: Parent | None = None) -> list[NewJob]:
        """What a store is asked to add for this call and all below it, its own job first."""
        choice = self.choice
        if self.children or self.steps or self.wants or parent or choice.if_failed or choice.options.dedup:
            return laid_out(self, parent)
        if self.followed:
            return [self.new_job()]
        # Nearly every call, so without the way through the other.
        return [
            NewJob(self.queue, self.name, self.data, choice.job_id, choice.priority, choice.delay_ms, choice.options)
        ]

    def new_job(self, *, id: str | None = None, parent: Parent | None = None) -> NewJob:
        """What a store is asked to add for this call alone."""
        choice, followed = self.choice, self.followed
        return NewJob(
            self.queue,
            self.name,
            self.data,
            choice.job_id or id,
            choice.priority,
            choice.delay_ms,
            choice.options,
            parent,
            bool(self.children or followed),
            tuple([follow for _, follow in followed]) if followed else (),
        )


def _check_call(verb: str, call: object) -> None:
    if not isinstance(call, Call):
        hint = "; write task.call(…)" if callable(call) else ""
        jobs = " and jobs" if verb == "after" else ""
        raise Misuse(f"{verb}() takes calls{jobs}, not {type(call).__name__}{hint}")


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
