"""Storing new jobs on SQLite, against which nothing speaks: those of Adds, and those kept for the end of others.

What is new in tables waits in the ledger until it is flushed: a list of rows a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from headrace.core.commands import Added
from headrace.core.jobs import DEFAULTS, Bond, JobRef, NewJob
from headrace.storage.sql.lite.dedup import SQL as DEDUP
from headrace.storage.sql.lite.dedup import Keys, Row
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.joint import Runs
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger, as_json, change
from headrace.storage.sql.rows import options_text
from headrace.storage.sql.script import load

SQL: Final = load("add")
_queue: Final = attrgetter("queue")


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
    series: list[tuple[str, str, Runs]] = field(default_factory=list)  # of requests: the first, the last, all replies

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
        for first, last, reply in self.series:
            ledger.run(SQL.series, {"first": first, "last": last, "now": ledger.now, "reply": as_json(reply)})
            if not ledger.db.changes():
                raise Repeated


@dataclass(slots=True)
class Entered:
    """The new jobs that are tied to others: those that wait, what stands below whom, and who follows whom."""

    parents: list[int] = field(default_factory=list)
    edges: list[tuple[int, int, str | None, str]] = field(default_factory=list)
    follows: list[tuple[int, JobRef, Bond]] = field(default_factory=list)


def rows_of(ledger: Ledger) -> Rows:
    """The rows that wait in the ledger."""
    rows: Rows = ledger.pending_adds if ledger.pending_adds is not None else Rows()
    ledger.pending_adds = rows
    return rows


def store_fresh(ledger: Ledger, rows: Rows, jobs: Sequence[NewJob]) -> Runs:
    """Store fresh jobs; see `joint.is_fresh`."""
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


def store(ledger: Ledger, jobs: Sequence[NewJob]) -> tuple[Added, Entered]:
    """Store the jobs that are neither there nor duplicates; with the reply comes what they are tied to."""
    known, keys, entered = taken(ledger, jobs), Keys(ledger, jobs), Entered()
    refs: list[JobRef] = []
    existing: list[int] = []
    duplicates: list[int] = []
    replaced: list[tuple[int, JobRef]] = []
    kept: list[int] = []
    dropped: dict[JobRef, JobRef] = {}  # duplicates, and what stands below and behind them, and of what
    for at, job in enumerate(jobs):
        if job.id is not None and (ref := JobRef(job.queue, job.id)) in known:
            existing.append(at)
            refs.append(ref)
            continue
        above = job.follows if job.parent is None else (job.parent,)
        owner = next((dropped[over] for one in above if (over := JobRef(one.queue, one.id)) in dropped), None)
        before = keys.find(job) if owner is None else None
        if before is not None:
            owner = before.ref
            does = keys.receive(before, job)
            if does == "replaces":
                replaced.append((at, owner))
                known.pop(owner, None)
                if before.is_awaited:  # its end has moved others, or taken them along
                    known, keys = taken(ledger, jobs), Keys(ledger, jobs)
                owner = None
            elif does == "kept":
                kept.append(at)
        if owner is not None:
            duplicates.append(at)
            refs.append(owner)
            if job.id is not None:
                dropped[JobRef(job.queue, job.id)] = owner
            continue
        key, ref = _enter(ledger, entered, known, job)
        refs.append(ref)
        rows_of(ledger).dedups.extend(keys.take(key, ref, job, before))
    return Added(tuple(refs), tuple(existing), tuple(duplicates), tuple(replaced), tuple(kept)), entered


def _enter(ledger: Ledger, entered: Entered, known: dict[JobRef, int], job: NewJob) -> tuple[int, JobRef]:
    rows, head = rows_of(ledger), ledger.made_head(job.queue)
    head.number += 1
    key = head.base + head.number
    ref = JobRef(job.queue, job.id or str(head.number))
    if job.id is not None:
        rows.ids.append((head.id, job.id, key))
        known[ref] = key
    parent = policy = None
    if job.parent is not None:
        parent, policy = _known(ledger, known, JobRef(job.parent.queue, job.parent.id)), job.parent.policy
        rows.edges.append((parent, key, job.id, job.name))
        entered.edges.append(rows.edges[-1])
    options = None if job.options is DEFAULTS else options_text(job.options)
    ledger.watch(key, job.options)
    rows.jobs.append((key, job.id, job.name, job.data, options, parent, policy))
    ledger.rekey(head, (key,))
    if job.has_children:
        rows.parents.append((key, job.delay_ms, job.priority))
        entered.parents.append(key)
        entered.follows.extend((key, JobRef(one.queue, one.id), one.bond) for one in job.follows)
    _place(ledger, head, key, ref.id, job)
    return key, ref


def _place(ledger: Ledger, head: Head, key: int, job_id: str, job: NewJob) -> None:
    if job.has_children:
        ledger.enter(head, "waiting-children")
        ledger.event(head, job_id, "waiting-children")
    elif job.delay_ms > 0:
        ledger.enter_delayed(head, key, (job.priority, 0, 0, 0), ledger.now + job.delay_ms)
        ledger.event(head, job_id, "delayed")
    else:
        state = ledger.enter_ready(head, key, (job.priority, 0, 0, 0), is_front=job.options.lifo)
        ledger.event(head, job_id, state)


def _known(ledger: Ledger, known: dict[JobRef, int], ref: JobRef) -> int:
    """The key of a job that is there, or comes earlier in this command."""
    key = known.get(ref) or existing_key(ledger, ref)
    assert key is not None  # the guard looked
    return key


def taken(ledger: Ledger, jobs: Sequence[NewJob]) -> dict[JobRef, int]:
    """The jobs whose custom ids are there already, and their keys."""
    heads = {job.queue: ledger.head(job.queue) for job in jobs if job.id is not None}
    names = {head.id: queue for queue, head in heads.items() if head is not None}
    pairs = [(head.id, job.id) for job in jobs if job.id is not None and (head := heads[job.queue]) is not None]
    rows = ledger.rows(SQL.taken, {"pairs": as_json(pairs)}) if pairs else []
    return {JobRef(names[queue], job_id): key for queue, job_id, key in rows}
