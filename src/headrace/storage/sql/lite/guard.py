"""What must be true before an Add is stored, on SQLite; nothing is written yet."""

from collections.abc import Iterable
from typing import Final

from headrace.core.errors import DuplicateId, LeaseLost, NoSuchJob, NoSuchParent, Refused, WrongState
from headrace.core.flow_errors import CannotFollow
from headrace.core.jobs import JobRef, NewJob, State
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.script import load

SQL: Final = load("add")


class Guard:
    """Looks through the jobs of one Add. `is_watched` if somebody waits for the end of all below a parent of theirs."""

    def __init__(self, ledger: Ledger, token: str | None) -> None:
        self._ledger = ledger
        self._token = token
        self._seen: dict[JobRef, NewJob] = {}
        self._hung: dict[JobRef, JobRef] = {}  # those below a job that is in the store, and that one
        self.is_watched = False

    def refusal(self, jobs: Iterable[NewJob]) -> Refused | None:
        """Why nothing of this can be added: the reason of the first job that has one."""
        for job in jobs:
            ref = None if job.id is None else JobRef(job.queue, job.id)
            is_known = ref is not None and (ref in self._seen or self._key(ref) is not None)
            if is_known and (job.parent is not None or job.has_children):
                return DuplicateId(queue=job.queue, id=job.id)
            refusal = self._of_kin(ref, job) if job.parent is not None or job.follows else None
            if refusal is not None:
                return refusal
            if ref is not None and not is_known:
                self._seen[ref] = job
        return None

    def _of_kin(self, ref: JobRef | None, job: NewJob) -> Refused | None:
        over: JobRef | None = None
        if job.parent is not None:
            parent = JobRef(job.parent.queue, job.parent.id)
            new = self._seen.get(parent)
            refusal = self._of_parent(parent, new)
            if refusal is not None:
                return refusal
            over = parent if new is None else self._hung.get(parent)
            if ref is not None and over is not None:
                self._hung[ref] = over
        if job.follows and over is not None:
            return CannotFollow(queue=over.queue, id=over.id)
        for one in job.follows:
            followed = JobRef(one.queue, one.id)
            if followed not in self._seen and (one.bond == "finally" or self._key(followed) is None):
                return NoSuchJob(queue=one.queue, id=one.id)
        return None

    def _of_parent(self, parent: JobRef, new: NewJob | None) -> Refused | None:
        if new is not None:
            return None if new.has_children else WrongState(queue=parent.queue, id=parent.id, state=first_state(new))
        key = self._key(parent)
        if key is None:
            return NoSuchParent(queue=parent.queue, id=parent.id)
        state, held, is_watched = self._ledger.row(SQL.parent_state, {"key": key})
        self.is_watched = self.is_watched or bool(is_watched)
        if self._token is not None and self._token != held:
            return LeaseLost(queue=parent.queue, id=parent.id)
        is_open = state in ("waiting-children", "active")
        return None if is_open else WrongState(queue=parent.queue, id=parent.id, state=state)

    def _key(self, job: JobRef) -> int | None:
        return existing_key(self._ledger, job)


def first_state(job: NewJob) -> State:
    """Where a new job begins."""
    if job.has_children:
        return "waiting-children"
    return "delayed" if job.delay_ms > 0 else "prioritized" if job.priority else "waiting"
