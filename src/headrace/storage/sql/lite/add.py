"""Add on SQLite.

Fresh jobs (waiting at the back of the queue: no custom id, flow, delay, priority) need no guard but their request id,
so that the Adds of one transaction are merged: they take their numbers here, and each queue's jobs, their places and
their events are written from one JSON array when the ledger is flushed. Fresh Adds of one turn of the event loop come
merged already, as one `Joint`.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from headrace.core.commands import Add, Added
from headrace.core.errors import Refused
from headrace.core.jobs import JobRef, NewJob
from headrace.storage.sql.lite import capacity
from headrace.storage.sql.lite.capacity import are_limited
from headrace.storage.sql.lite.dedup import Keys
from headrace.storage.sql.lite.follow import follow, watch_new
from headrace.storage.sql.lite.guard import Guard
from headrace.storage.sql.lite.joint import Apart, Joint, Runs, added, are_series, is_fresh, parted, place
from headrace.storage.sql.lite.ledger import Ledger
from headrace.storage.sql.lite.parents import release
from headrace.storage.sql.lite.storing import rows_of, store, store_fresh, taken
from headrace.storage.sql.script import load

SQL: Final = load("add")
_reply: Final = msgspec.json.Decoder(Added | Runs)


def add(ledger: Ledger, command: Add) -> Added | Refused:
    """Store jobs; see `core.commands.jobs.Add`."""
    fresh = is_fresh(command.jobs) and not are_limited(ledger, command.jobs)
    guard = Guard(ledger, command.token)
    if not fresh or ledger.is_alone:
        ledger.flush()
        answer = _answered(ledger, command.request_id) or _refusal(ledger, guard, command.jobs)
        if answer is not None:
            return answer
    if fresh:
        return added(_join(ledger, Joint(list(command.jobs), [(command.request_id, len(command.jobs))])))
    reply, entered = store(ledger, command.jobs)
    if command.request_id is not None:
        rows_of(ledger).requests.append((command.request_id, reply))
    ledger.flush()
    if guard.is_watched:
        watch_new(ledger, entered.edges)
    if entered.follows:
        follow(ledger, entered.follows)
    release(ledger, entered.parents)
    return reply


def join(ledger: Ledger, joint: Joint) -> Runs | Apart:
    """Store the jobs of fresh Adds; `Repeated` when the ledger is flushed if one of them came before."""
    if are_limited(ledger, joint.jobs):
        jobs = iter(joint.jobs)
        return Apart([add(ledger, Add(tuple(islice(jobs, count)), request_id)) for request_id, count in joint.requests])
    return _join(ledger, joint)


def _join(ledger: Ledger, joint: Joint) -> Runs:
    rows = rows_of(ledger)
    runs = store_fresh(ledger, rows, joint.jobs)
    if are_series(joint):
        rows.series.append((str(joint.requests[0][0]), str(joint.requests[-1][0]), runs))
        return runs
    for (request_id, _), answer in zip(
        joint.requests, parted(runs, [count for _, count in joint.requests]), strict=True
    ):
        if request_id is not None:
            rows.requests.append((request_id, answer))
    return runs


def _refusal(ledger: Ledger, guard: Guard, jobs: Sequence[NewJob]) -> Refused | None:
    """Why this Add must not happen; nothing is written yet."""
    refusal = guard.refusal(jobs)
    if refusal is not None or not are_limited(ledger, jobs):
        return refusal
    return capacity.refusal(ledger, _newcomers(ledger, jobs))


def _newcomers(ledger: Ledger, jobs: Sequence[NewJob]) -> list[NewJob]:
    """The jobs that take up room: those that are neither there nor duplicates, nor below one."""
    known, keys = set(taken(ledger, jobs)), Keys(ledger, jobs)
    named: set[tuple[str, str]] = set()  # dedup keys that jobs of this Add take
    dropped: set[JobRef] = set()
    found: list[NewJob] = []
    for job in jobs:
        ref = None if job.id is None else JobRef(job.queue, job.id)
        if ref in known:
            continue
        above = job.follows if job.parent is None else (job.parent,)
        is_below = any(JobRef(one.queue, one.id) in dropped for one in above)
        key = None if job.options.dedup is None else (job.queue, job.options.dedup.key)
        if is_below or key in named or keys.find(job) is not None:
            dropped |= set() if ref is None else {ref}
        else:
            known |= set() if ref is None else {ref}
            named |= set() if key is None else {key}
            found.append(job)
    return found


def _answered(ledger: Ledger, request_id: str | None) -> Added | None:
    if request_id is None:
        return None
    row = ledger.row(SQL.repeated, {"id": request_id})
    if row is None:
        return None
    reply, first = _reply.decode(row[0]), row[1]
    if isinstance(reply, Added):
        return reply
    if first is None:
        return added(reply)
    return Added((added(reply).jobs[place(first, request_id)],))
