"""Add on SQLite.

Fresh jobs (waiting at the back of the queue: no custom id, flow, delay, priority) need no guard but their request id,
so that the Adds of one transaction are merged: they take their numbers here, and each queue's jobs, their places and
their events are written from one JSON array when the ledger is flushed. Fresh Adds of one turn of the event loop come
merged already, as one `Joint`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Final

import msgspec

from headrace.core.commands import Add, Added
from headrace.core.errors import Refused
from headrace.core.jobs import DEFAULTS, JobRef, NewJob
from headrace.storage.sql.lite import capacity
from headrace.storage.sql.lite.addguards import refusal_of
from headrace.storage.sql.lite.capacity import are_limited
from headrace.storage.sql.lite.dedup import SQL as DEDUP
from headrace.storage.sql.lite.dedup import Keys, Row
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.joint import Apart, Joint, Runs, added, is_fresh, parted
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger, as_json, change
from headrace.storage.sql.lite.parents import release
from headrace.storage.sql.rows import options_text
from headrace.storage.sql.script import load

SQL: Final = load("add")
_queue: Final = attrgetter("queue")
_reply: Final = msgspec.json.Decoder(Added | Runs)


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
    dedups: list[Row] = field(default_factory=list)
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
        ledger.insert(DEDUP.take, self.dedups)
        ledger.insert(SQL.requests, self.requests)
        if self.requests and ledger.db.changes() != len(self.requests):
            raise Repeated


def add(ledger: Ledger, command: Add) -> Added | Refused:
    """Store jobs; see `core.commands.jobs.Add`."""
    fresh = is_fresh(command.jobs)
    fresh = fresh and not are_limited(ledger, command.jobs)
    if not fresh or ledger.is_alone:
        ledger.flush()
        answer = _answered(ledger, command.request_id) or _refusal(ledger, command)
        if answer is not None:
            return answer
    if fresh:
        return added(_join(ledger, Joint(list(command.jobs), [(command.request_id, len(command.jobs))])))
    reply, parents = store(ledger, command.jobs)
    if command.request_id is not None:
        _rows(ledger).requests.append((command.request_id, reply))
    ledger.flush()
    release(ledger, parents)
    return reply


def join(ledger: Ledger, joint: Joint) -> Runs | Apart:
    """Store the jobs of fresh Adds; `Repeated` when the ledger is flushed if one of them came before."""
    if are_limited(ledger, joint.jobs):
        jobs = iter(joint.jobs)
        return Apart([add(ledger, Add(tuple(islice(jobs, count)), request_id)) for request_id, count in joint.requests])
    return _join(ledger, joint)


def _join(ledger: Ledger, joint: Joint) -> Runs:
    rows = _rows(ledger)
    runs = _store_fresh(ledger, rows, joint.jobs)
    for (request_id, _), answer in zip(
        joint.requests, parted(runs, [count for _, count in joint.requests]), strict=True
    ):
        if request_id is not None:
            rows.requests.append((request_id, answer))
    return runs


def _refusal(ledger: Ledger, command: Add) -> Refused | None:
    """Why this Add must not happen; nothing is written yet."""
    refusal = refusal_of(ledger, command)
    if refusal is not None or not are_limited(ledger, command.jobs):
        return refusal
    return capacity.refusal(ledger, _newcomers(ledger, command.jobs))


def _newcomers(ledger: Ledger, jobs: Sequence[NewJob]) -> list[NewJob]:
    """The jobs that take up room: those that are neither there nor duplicates, nor below one."""
    known, keys = set(_taken(ledger, jobs)), Keys(ledger, jobs)
    dropped: set[JobRef] = set()
    found: list[NewJob] = []
    for job in jobs:
        ref = None if job.id is None else JobRef(job.queue, job.id)
        is_below = job.parent is not None and JobRef(job.parent.queue, job.parent.id) in dropped
        if is_below or keys.find(job) is not None:
            dropped |= set() if ref is None else {ref}
        elif ref not in known:
            known |= set() if ref is None else {ref}
            found.append(job)
    return found


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


def store(ledger: Ledger, jobs: tuple[NewJob, ...]) -> tuple[Added, list[int]]:
    """Store the jobs that are neither there nor duplicates; nothing speaks against the others.

    What is new in tables, until it is flushed, waits in the ledger. With the reply come the keys of new parents.
    """
    known, keys = _taken(ledger, jobs), Keys(ledger, jobs)
    refs: list[JobRef] = []
    existing: list[int] = []
    duplicates: list[int] = []
    replaced: list[tuple[int, JobRef]] = []
    parents: list[int] = []
    dropped: dict[JobRef, JobRef] = {}  # the nodes of flows whose root is a duplicate, and of what
    for at, job in enumerate(jobs):
        if job.id is not None and (ref := JobRef(job.queue, job.id)) in known:
            existing.append(at)
            refs.append(ref)
            continue
        owner = dropped.get(JobRef(job.parent.queue, job.parent.id)) if job.parent is not None else None
        before = keys.find(job) if owner is None else None
        if before is not None:
            owner = before.ref
            if keys.receive(before, job) == "replaces":
                replaced.append((at, owner))
                known.pop(owner, None)
                owner = None
        if owner is not None:
            duplicates.append(at)
            refs.append(owner)
            if job.has_children and job.id is not None:
                dropped[JobRef(job.queue, job.id)] = owner
            continue
        key, ref = _enter(ledger, known, job)
        refs.append(ref)
        _rows(ledger).dedups.extend(keys.take(key, ref, job, before))
        if job.has_children:
            parents.append(key)
    return Added(tuple(refs), tuple(existing), tuple(duplicates), tuple(replaced)), parents


def _enter(ledger: Ledger, known: dict[JobRef, int], job: NewJob) -> tuple[int, JobRef]:
    rows, head = _rows(ledger), ledger.made_head(job.queue)
    head.number += 1
    key = head.base + head.number
    ref = JobRef(job.queue, job.id or str(head.number))
    if job.id is not None:
        rows.ids.append((head.id, job.id, key))
        known[ref] = key
    if job.parent is not None:
        _attach(ledger, rows, known, key, job)
    _store(ledger, rows, head, key, ref.id, job)
    return key, ref


def _store(ledger: Ledger, rows: Rows, head: Head, key: int, job_id: str, job: NewJob) -> None:
    options = None if job.options is DEFAULTS else options_text(job.options)
    parent = policy = None
    if job.parent is not None:
        parent, policy = rows.edges[-1][0], job.parent.policy
    ledger.watch(key, job.options)
    rows.jobs.append((key, job.id, job.name, job.data, options, parent, policy))
    ledger.rekey(head, (key,))
    if job.has_children:
        rows.parents.append((key, job.delay_ms, job.priority))
        ledger.enter(head, "waiting-children")
        ledger.event(head, job_id, "waiting-children")
    elif job.delay_ms > 0:
        ledger.enter_delayed(head, key, (job.priority, 0, 0, 0), ledger.now + job.delay_ms)
        ledger.event(head, job_id, "delayed")
    else:
        state = ledger.enter_ready(head, key, (job.priority, 0, 0, 0), is_front=job.options.lifo)
        ledger.event(head, job_id, state)


def _attach(ledger: Ledger, rows: Rows, known: dict[JobRef, int], key: int, job: NewJob) -> None:
    assert job.parent is not None
    ref = JobRef(job.parent.queue, job.parent.id)
    parent = known.get(ref) or existing_key(ledger, ref)
    assert parent is not None  # `_refusal` looked
    rows.edges.append((parent, key, job.id, job.name))


def _taken(ledger: Ledger, jobs: Sequence[NewJob]) -> dict[JobRef, int]:
    """The jobs whose custom ids are there already, and their keys."""
    heads = {job.queue: ledger.head(job.queue) for job in jobs if job.id is not None}
    names = {head.id: queue for queue, head in heads.items() if head is not None}
    pairs = [(head.id, job.id) for job in jobs if job.id is not None and (head := heads[job.queue]) is not None]
    rows = ledger.rows(SQL.taken, {"pairs": as_json(pairs)}) if pairs else []
    return {JobRef(names[queue], job_id): key for queue, job_id, key in rows}


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
