"""Add on SQLite.

Fresh jobs (waiting at the back of the queue: no custom id, flow, delay, priority) need no guard but their request id,
so that the Adds of one transaction are merged: they take their numbers here, and each queue's jobs, their places and
their events are written from one JSON array when the ledger is flushed. Fresh Adds of one turn of the event loop come
merged already, as one `Joint`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from headrace.core.commands import Add, Added
from headrace.core.errors import Refused
from headrace.core.jobs import DEFAULTS, Bond, JobRef, NewJob
from headrace.storage.sql.lite.follow import follow, watch_new
from headrace.storage.sql.lite.guard import Guard
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger, as_json, change
from headrace.storage.sql.lite.parents import release
from headrace.storage.sql.rows import options_text
from headrace.storage.sql.script import load

SQL: Final = load("add")
Runs: TypeAlias = list[list[Any]]
"""The answer to a fresh Add, as it is remembered: [queue, first number, how many], as numbers have no gap."""
_queue: Final = attrgetter("queue")
_reply: Final = msgspec.json.Decoder(Added | Runs)


class Joint(NamedTuple):
    """The jobs of some fresh Adds, one after the other, and the id and number of jobs of each Add."""

    jobs: list[NewJob]
    requests: list[tuple[str | None, int]]


class Repeated(Exception):
    """A request id that was merged blindly has been seen before: run the group one by one, with every guard."""


@dataclass(slots=True)
class Fresh:
    """Fresh jobs of one queue, numbered from `first` on without a gap: [name, data, options]."""

    head: Head
    first: int
    rows: list[tuple[str, str, str | None]] = field(default_factory=list)


@dataclass(slots=True)
class Rows:
    """Rows of new jobs, a list a table; those of fresh jobs a list a queue."""

    fresh: dict[str, Fresh] = field(default_factory=dict)
    jobs: list[tuple[Any, ...]] = field(default_factory=list)
    ids: list[tuple[int, str, int]] = field(default_factory=list)
    parents: list[tuple[int, int, int]] = field(default_factory=list)
    edges: list[tuple[int, int, str | None, str]] = field(default_factory=list)
    follows: list[tuple[int, int, Bond]] = field(default_factory=list)  # tied when all are there
    requests: list[tuple[str, Added | Runs]] = field(default_factory=list)

    def write(self, ledger: Ledger) -> None:
        """Write everything; called by the ledger when it is flushed."""
        for fresh in self.fresh.values():
            _write_fresh(ledger, fresh)
        ledger.insert(SQL.jobs, self.jobs)
        ledger.insert(SQL.ids, self.ids)
        ledger.insert(SQL.parents, self.parents)
        if self.edges:
            ledger.insert(SQL.first_children, self.edges)
            ledger.insert(SQL.edges, self.edges)
            ledger.insert(SQL.pending, self.edges)
        ledger.insert(SQL.requests, self.requests)
        if self.requests and ledger.db.changes() != len(self.requests):
            raise Repeated


def add(ledger: Ledger, command: Add) -> Added | Refused:
    """Store jobs; see `core.commands.jobs.Add`."""
    fresh = is_fresh(command.jobs)
    is_watched = False
    if not fresh or ledger.is_alone:
        ledger.flush()
        guard = Guard(ledger, command.token)
        answer = _answered(ledger, command.request_id) or guard.refusal(command.jobs)
        if answer is not None:
            return answer
        is_watched = guard.is_watched
    if fresh:
        return added(join(ledger, Joint(list(command.jobs), [(command.request_id, len(command.jobs))])))
    rows = _rows(ledger)
    reply = _store_any(ledger, rows, command.jobs)
    if command.request_id is not None:
        rows.requests.append((command.request_id, reply))
    parents = [row[0] for row in rows.parents]
    ledger.flush()
    if is_watched:
        watch_new(ledger, rows.edges)
    if rows.follows:
        follow(ledger, rows.follows)
    release(ledger, parents)
    return reply


def join(ledger: Ledger, joint: Joint) -> Runs:
    """Store the jobs of fresh Adds; `Repeated` when the ledger is flushed if one of them came before."""
    rows = _rows(ledger)
    runs = _store_fresh(ledger, rows, joint.jobs)
    for (request_id, _), answer in zip(
        joint.requests, _parted(runs, [count for _, count in joint.requests]), strict=True
    ):
        if request_id is not None:
            rows.requests.append((request_id, answer))
    return runs


def is_fresh(jobs: tuple[NewJob, ...]) -> bool:
    """Whether these jobs need nothing looked up before they are stored."""
    for job in jobs:
        if (
            job.id is not None
            or job.delay_ms > 0
            or job.priority
            or job.has_children
            or job.parent is not None
            or job.options.lifo
        ):
            return False
    return True


def added(runs: Runs) -> Added:
    """The reply to a fresh Add."""
    return Added(tuple([JobRef(queue, str(number)) for queue, first, n in runs for number in range(first, first + n)]))


def _parted(runs: Runs, counts: Iterable[int]) -> Iterator[Runs]:
    """What of `runs` belongs to each of some Adds, which have so many jobs."""
    waiting = iter(runs)
    queue, number, left = "", 0, 0
    for count in counts:
        if count <= left:
            yield [[queue, number, count]]
            number, left = number + count, left - count
            continue
        part: Runs = []
        while count:
            if not left:
                queue, number, left = next(waiting)
            taken = min(count, left)
            part.append([queue, number, taken])
            number, left, count = number + taken, left - taken, count - taken
        yield part


def _rows(ledger: Ledger) -> Rows:
    rows: Rows = ledger.pending_adds if ledger.pending_adds is not None else Rows()
    ledger.pending_adds = rows
    return rows


def _store_fresh(ledger: Ledger, rows: Rows, jobs: Sequence[NewJob]) -> Runs:
    runs: Runs = []
    options, text = DEFAULTS, None
    for queue, group in groupby(jobs, _queue):
        fresh = rows.fresh.get(queue) or _begin_fresh(ledger, rows, queue)
        before = len(fresh.rows)
        for job in group:
            if job.options is not options:
                options, text = job.options, options_text(job.options)
            fresh.rows.append((job.name, job.data, text))
        count = len(fresh.rows) - before
        runs.append([queue, fresh.head.number + 1, count])
        fresh.head.number += count
    return runs


def _begin_fresh(ledger: Ledger, rows: Rows, queue: str) -> Fresh:
    head = ledger.made_head(queue)
    fresh = rows.fresh[queue] = Fresh(head, head.number + 1)
    return fresh


def _write_fresh(ledger: Ledger, fresh: Fresh) -> None:
    head, count = fresh.head, len(fresh.rows)
    first = head.base + fresh.first
    ledger.run(SQL.fresh_jobs, {"rows": as_json(fresh.rows), "key": first, "now": ledger.now})
    # What they have in common follows from the rows just written, which is quicker than reading the JSON again.
    keys = {"first_key": first, "last_key": first + count - 1}
    ledger.run(SQL.fresh_ready, keys | {"queue": head.id, "back": head.back + 1, "now": ledger.now})
    ledger.append(head, count, SQL.fresh_events, keys | {"body": change("waiting", None)})
    head.back += count
    ledger.enter(head, "waiting", count)
    head.is_woken = True


def _store_any(ledger: Ledger, rows: Rows, jobs: tuple[NewJob, ...]) -> Added:
    known = _taken(ledger, jobs)
    refs: list[JobRef] = []
    existing: list[int] = []
    for at, job in enumerate(jobs):
        head = ledger.made_head(job.queue)
        if job.id is not None and (head.id, job.id) in known:
            existing.append(at)
            refs.append(JobRef(job.queue, job.id))
            continue
        head.number += 1
        key = head.base + head.number
        job_id = job.id or str(head.number)
        if job.id is not None:
            rows.ids.append((head.id, job.id, key))
            known[head.id, job.id] = key
        if job.parent is not None:
            _attach(ledger, rows, known, key, job)
        _store(ledger, rows, known, head, key, job_id, job)
        refs.append(JobRef(job.queue, job_id))
    return Added(tuple(refs), tuple(existing))


def _store(
    ledger: Ledger, rows: Rows, known: dict[tuple[int, str], int], head: Head, key: int, job_id: str, job: NewJob
) -> None:
    options = None if job.options is DEFAULTS else options_text(job.options)
    parent = policy = None
    if job.parent is not None:
        parent, policy = rows.edges[-1][0], job.parent.policy
    rows.jobs.append((key, job.id, job.name, job.data, options, parent, policy))
    if job.has_children:
        rows.parents.append((key, job.delay_ms, job.priority))
        for one in job.follows:
            rows.follows.append((key, _known(ledger, known, one.queue, one.id), one.bond))
        ledger.enter(head, "waiting-children")
        ledger.event(head, job_id, "waiting-children")
    elif job.delay_ms > 0:
        ledger.enter_delayed(head, key, (job.priority, 0, 0, 0), ledger.now + job.delay_ms)
        ledger.event(head, job_id, "delayed")
    else:
        state = ledger.enter_ready(head, key, (job.priority, 0, 0, 0), is_front=job.options.lifo)
        ledger.event(head, job_id, state)


def _attach(ledger: Ledger, rows: Rows, known: dict[tuple[int, str], int], key: int, job: NewJob) -> None:
    assert job.parent is not None
    rows.edges.append((_known(ledger, known, job.parent.queue, job.parent.id), key, job.id, job.name))


def _known(ledger: Ledger, known: dict[tuple[int, str], int], queue: str, job_id: str) -> int:
    """The key of a job that is there, or comes earlier in this command."""
    head = ledger.head(queue)
    key = known.get((head.id, job_id)) if head is not None else None
    if key is None:
        key = existing_key(ledger, JobRef(queue, job_id))
    assert key is not None  # the guard looked
    return key


def _taken(ledger: Ledger, jobs: tuple[NewJob, ...]) -> dict[tuple[int, str], int]:
    pairs = [(ledger.made_head(job.queue).id, job.id) for job in jobs if job.id is not None]
    return {(queue, job_id): key for queue, job_id, key in ledger.rows(SQL.taken, {"pairs": as_json(pairs)})}


def _answered(ledger: Ledger, request_id: str | None) -> Added | None:
    if request_id is None:
        return None
    row = ledger.row(SQL.repeated, {"id": request_id})
    if row is None:
        return None
    reply = _reply.decode(row[0])
    if isinstance(reply, Added):
        return reply
    return added(reply)
