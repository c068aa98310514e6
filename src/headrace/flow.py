"""A call with children as the new jobs of one `Add`: parents before children, each with an id that the others name."""

from typing import Any, Final, cast
from uuid import uuid4

from headrace.call import Call
from headrace.core.errors import BadFlow, InvalidOption, Misuse
from headrace.core.jobs import NewJob, Parent

NODES_MAX: Final = 10_000


def plan(call: Call[Any]) -> list[NewJob]:
    """The jobs of a call, its own first: `BadFlow` if the flow has a cycle, a call twice, or too many nodes."""
    if not isinstance(cast("object", call), Call):
        hint = "; write task.call(…)" if callable(call) else ""
        raise Misuse(f"a call is needed, not {type(call).__name__}{hint}")
    if call.choice.if_failed is not None:
        raise InvalidOption(f"if_failed says what a child does to its parent; {call.name} has no parent here")
    return _flow(call) if call.children else [call.new_job()]


def _flow(root: Call[Any]) -> list[NewJob]:
    jobs = [root.new_job(id=str(uuid4()))]
    above: dict[int, int | None] = {id(root.origin): None}  # each origin, and that of its parent
    waiting = [(root, jobs[0])]
    for parent, job in waiting:
        assert job.id is not None
        for child, policy in parent.children:
            _check_new(child, parent, above)
            tie = Parent(job.queue, job.id, child.choice.if_failed or policy)
            jobs.append(child.new_job(id=str(uuid4()), parent=tie))
            waiting.append((child, jobs[-1]))
            if len(jobs) > NODES_MAX:
                raise BadFlow(f"the flow of {root.name} has more than {NODES_MAX} jobs; part it")
    return jobs


def _check_new(child: Call[Any], parent: Call[Any], above: dict[int, int | None]) -> None:
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
