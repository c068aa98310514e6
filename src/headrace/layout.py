"""A call and all below it as the jobs of one `Add`: parents before children, each with an id that the others name."""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

from msgspec.structs import replace

from headrace.core.errors import BadFlow, InvalidOption, Misuse
from headrace.core.jobs import Bond, Follow, NewJob, Parent, Policy
from headrace.options import Choice, check_if_failed

R_co = TypeVar("R_co", covariant=True)

NODES_MAX: Final = 10_000


class Planned(Protocol):
    """A call, as far as its place in a flow goes."""

    @property
    def name(self) -> str:
        """The name of its task."""
        ...

    @property
    def choice(self) -> Choice:
        """Its options."""
        ...

    @property
    def children(self) -> tuple[tuple[Any, Policy], ...]:
        """The calls that must be done before, and what their failure does."""
        ...

    @property
    def followed(self) -> tuple[tuple[str, Follow], ...]:
        """The jobs that must have ended before, by name."""
        ...

    @property
    def steps(self) -> tuple[tuple[Any, Bond], ...]:
        """The calls that are to run when it has ended."""
        ...

    @property
    def wants(self) -> tuple[str, ...]:
        """The tasks of which it needs one child each."""
        ...

    @property
    def origin(self) -> object:
        """The same for a call and what `after` made of it."""
        ...

    def new_job(self, *, id: str | None = None, parent: Parent | None = None) -> NewJob:
        """Its own job."""
        ...


def laid_out(root: Planned, parent: Parent | None = None) -> list[NewJob]:
    """The jobs of a call, its own first, below `parent` if there is one.

    `InvalidOption` if an option does not fit the place of a job; `BadFlow` if the flow has a cycle, a call twice, or
    too many nodes; `Misuse` if a child is missing that an argument is to come from.
    """
    if root.choice.if_failed is not None and parent is None:
        raise InvalidOption(f"if_failed says what a child does to its parent; {root.name} has no parent here")
    tie = None if parent is None else _tie(root, parent.queue, parent.id, parent.policy)
    _check_dedup(root, is_child=parent is not None)
    if root.children or root.steps:
        return _flow(root, tie)
    _check_wants(root)
    return [root.new_job(parent=tie)]


def _flow(root: Planned, tie: Parent | None) -> list[NewJob]:
    jobs = [root.new_job(id=str(uuid4()), parent=tie)]
    above: dict[int, int | None] = {id(root.origin): None}  # each origin, and that of its parent
    waiting: list[tuple[Planned, NewJob]] = [(root, jobs[0])]
    steps: list[NewJob] = []
    for parent, job in waiting:
        assert job.id is not None
        _check_wants(parent)
        for child, policy in parent.children:
            _check_new(child, parent, above)
            _check_dedup(child, is_child=True)
            jobs.append(child.new_job(id=str(uuid4()), parent=_tie(child, job.queue, job.id, policy)))
            waiting.append((child, jobs[-1]))
        for step, bond in parent.steps:
            _check_new(step, parent, above)
            _check_dedup(step, is_child=True)
            steps.append(_step(step, job.queue, job.id, bond))
        if len(jobs) + len(steps) > NODES_MAX:
            raise BadFlow(f"the flow of {root.name} has more than {NODES_MAX} jobs; part it")
    return jobs + steps


def _step(call: Planned, queue: str, id: str, bond: Bond) -> NewJob:
    """What runs after a job: nobody's child, it follows that job."""
    if call.choice.if_failed is not None:
        raise InvalidOption(f"if_failed says what a child does to its parent; the step {call.name} has no parent")
    return replace(call.new_job(), has_children=True, follows=(Follow(queue, id, bond),))


def _tie(child: Planned, queue: str, id: str, policy: Policy) -> Parent:
    asked = child.choice.if_failed or check_if_failed("if_failed", policy) or "fail_parent"
    return Parent(queue, id, asked)


def _check_wants(call: Planned) -> None:
    if not call.wants:
        return
    names = [child.name for child, _ in call.children] + [name for name, _ in call.followed]
    for wanted in call.wants:
        if names.count(wanted) != 1:
            many = f"{names.count(wanted)} children" if wanted in names else "no child"
            raise Misuse(
                f"an argument of {call.name} comes from a child of the task {wanted!r}, and {call.name} has {many} of "
                "it; put one there with after(), or give the argument"
            )


def _check_dedup(call: Planned, *, is_child: bool) -> None:
    """`InvalidOption` if a job at this place cannot have the dedup key that it was given."""
    name, choice, dedup = call.name, call.choice, call.choice.options.dedup
    if dedup is None:
        return
    if is_child:
        raise InvalidOption(f"{name} is part of a flow and has a dedup key; the flow would wait for a job of others")
    if (call.children or call.followed or call.steps) and (dedup.replaces or dedup.reschedules or dedup.keeps_last):
        raise InvalidOption(f"{name} has children: a duplicate can only be dropped; leave the rest of its dedup out")
    if (dedup.replaces or dedup.reschedules) and not choice.delay_ms:
        raise InvalidOption(f"a duplicate of {name} is to meet a delayed job, and there is no delay; give delay, too")
    if dedup.keeps_last and choice.job_id is not None:
        raise InvalidOption(f"{name} has a job_id, which is taken when the one to be kept is added; leave it out")


def _check_new(child: Planned, parent: Planned, above: dict[int, int | None]) -> None:
    key, over = id(child.origin), id(parent.origin)
    if key not in above:
        above[key] = over
        return
    ancestor: int | None = over
    while ancestor is not None:
        if ancestor == key:
            raise BadFlow(f"the flow has a cycle: {child.name} would wait for itself")
        ancestor = above[ancestor]
    raise BadFlow(f"the call of {child.name} stands twice in the flow; make a call for each job")


class Addable(Protocol[R_co]):
    """A call as the child of a job that is there already."""

    @property
    def name(self) -> str:
        """The name of the task."""
        ...

    @property
    def load(self) -> Callable[[str], R_co] | None:
        """How a result is read."""
        ...

    def jobs(self, parent: Parent, /) -> list[NewJob]:
        """The new jobs, its own first."""
        ...
