"""Why an Add must not happen; asked before anything is written."""

from typing import Final

from headrace.core.commands import Add
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchParent, Refused, WrongState
from headrace.core.jobs import JobRef, NewJob, State
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.script import load

SQL: Final = load("add")


def refusal_of(ledger: Ledger, command: Add) -> Refused | None:
    """The reason of the first job that has one."""
    seen: dict[tuple[str, str], NewJob] = {}
    for job in command.jobs:
        is_node = job.parent is not None or job.has_children
        is_known = job.id is not None and ((job.queue, job.id) in seen or _is_there(ledger, job.queue, job.id))
        if is_node and is_known:
            return DuplicateId(queue=job.queue, id=job.id)
        if job.parent is not None:
            parent = JobRef(job.parent.queue, job.parent.id)
            refusal = _parent_refusal(ledger, parent, seen.get((parent.queue, parent.id)), command.token)
            if refusal is not None:
                return refusal
        if job.id is not None and not is_known:
            seen[job.queue, job.id] = job
    return None


def first_state(job: NewJob) -> State:
    """Where a new job begins."""
    if job.has_children:
        return "waiting-children"
    return "delayed" if job.delay_ms > 0 else "prioritized" if job.priority else "waiting"


def _is_there(ledger: Ledger, queue: str, job_id: str) -> bool:
    return existing_key(ledger, JobRef(queue, job_id)) is not None


def _parent_refusal(ledger: Ledger, parent: JobRef, new: NewJob | None, token: str | None) -> Refused | None:
    if new is not None:
        return None if new.has_children else WrongState(queue=parent.queue, id=parent.id, state=first_state(new))
    key = existing_key(ledger, parent)
    if key is None:
        return NoSuchParent(queue=parent.queue, id=parent.id)
    state, held = ledger.row(SQL.parent_state, {"key": key})
    if token is not None and token != held:
        return LeaseLost(queue=parent.queue, id=parent.id)
    is_open = state in ("waiting-children", "active")
    return None if is_open else WrongState(queue=parent.queue, id=parent.id, state=state)
