"""Dedup keys on SQLite: who has them, what a duplicate does, and when they are free again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from headrace.core.jobs import Dedup, JobRef, NewJob, State
from headrace.core.lifecycle import Reception, reception
from headrace.storage.sql.lite.guard import first_state
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.retention import drop
from headrace.storage.sql.lite.standing import standing_of, take
from headrace.storage.sql.script import load

SQL: Final = load("dedup")
Row: TypeAlias = tuple[int, str, int, str | None, int | None, bool]
"""A key as the step `take` has it."""
_new_job: Final = msgspec.json.Decoder(NewJob)


@dataclass(slots=True)
class Taken:
    """A key that is taken: by which job, in which state that is (None: it is gone), and how long it lasts.

    `is_awaited` if that job has a parent or followers, which go on, or go as well, when it is removed.
    """

    owner: int
    ref: JobRef
    expires_at: int | None
    is_forever: bool
    state: State | None
    is_awaited: bool

    @property
    def is_until_finished(self) -> bool:
        """Whether the end of the job ends it."""
        return self.expires_at is None and not self.is_forever


class Keys:
    """The dedup keys that the jobs of an Add ask for, by queue and name, as each of the jobs finds them."""

    def __init__(self, ledger: Ledger, jobs: Sequence[NewJob]) -> None:
        self._ledger = ledger
        self._taken: dict[tuple[str, str], Taken] = {}
        wanted = {(job.queue, job.options.dedup.key) for job in jobs if job.options.dedup is not None}
        heads = {queue: head for queue, _ in wanted if (head := ledger.head(queue)) is not None}
        if not heads:
            return
        pairs = [(heads[queue].id, name) for queue, name in wanted if queue in heads]
        numbered = {head.id: head for head in heads.values()}
        for number, name, owner, custom, *rest in ledger.rows(SQL.taken, {"pairs": as_json(pairs), "now": ledger.now}):
            head = numbered[number]
            self._taken[head.name, name] = Taken(owner, ref_of(head, owner, custom), *rest)

    def find(self, job: NewJob) -> Taken | None:
        """The key of a job, if it is taken."""
        return self._taken.get((job.queue, job.options.dedup.key)) if job.options.dedup is not None else None

    def receive(self, key: Taken, job: NewJob) -> Reception:
        """Do what a duplicate does. One that `replaces` is still to be stored: the key is free for it."""
        dedup, ledger, head = job.options.dedup, self._ledger, self._ledger.made_head(job.queue)
        assert dedup is not None
        ledger.event(head, key.ref.id, "deduplicated")
        step = {"queue": head.id, "name": dedup.key}
        if dedup.extends and dedup.ttl_ms is not None and key.expires_at is not None:
            key.expires_at = max(key.expires_at, ledger.now + dedup.ttl_ms)
            self._change(SQL.extend, step | {"expires_at": key.expires_at})
        does = reception(job, key.state, is_until_finished=key.is_until_finished)
        if does == "replaces":
            ledger.flush()
            drop(ledger, [key.owner])
        elif does == "reschedules":
            ledger.flush()
            _reschedule(ledger, key.ref, job.delay_ms)
        elif does == "kept":
            self._change(SQL.keep, step | {"kept": as_json(job)})
        return does

    def take(self, key: int, ref: JobRef, job: NewJob, before: Taken | None) -> list[Row]:
        """Give a new job its key, which is free; it lasts as it did for the job `before`. What is to be written."""
        dedup = job.options.dedup
        if dedup is None:
            return []
        expires_at, is_forever = _lasting(self._ledger, dedup)
        if before is not None:
            expires_at, is_forever = before.expires_at, before.is_forever
        self._taken[job.queue, dedup.key] = Taken(
            key, ref, expires_at, is_forever, first_state(job), job.parent is not None
        )
        return [(self._ledger.made_head(job.queue).id, dedup.key, key, job.id, expires_at, is_forever)]

    def _change(self, sql: str, step: dict[str, Any]) -> None:
        self._ledger.flush_places()  # the key may have been taken by this same Add
        self._ledger.run(sql, step)


def retake(ledger: Ledger, head: Head, key: int, custom: str | None, dedup: Dedup | None) -> None:
    """A finished job is retried: until it has finished again it has its key, if nobody else has it."""
    if dedup is not None and dedup.is_until_finished:
        ledger.insert(SQL.take, [(head.id, dedup.key, key, custom, *_lasting(ledger, dedup))])


def finish(ledger: Ledger, keys: list[int]) -> tuple[NewJob, ...]:
    """Jobs have finished, and so have the dedup keys that last until then: the jobs that were kept for it."""
    step = {"keys": as_json(keys)}
    kept = tuple(_new_job.decode(row[0]) for row in ledger.rows(SQL.kept, step))
    ledger.run(SQL.finish, step)
    return kept


def _reschedule(ledger: Ledger, job: JobRef, delay_ms: int) -> None:
    standing = standing_of(ledger, job)
    assert standing is not None
    take(ledger, standing)
    ledger.enter_delayed(standing.head, standing.key, standing.carried, ledger.now + delay_ms)
    ledger.event(standing.head, standing.id, "delayed", "delayed")


def _lasting(ledger: Ledger, dedup: Dedup) -> tuple[int | None, bool]:
    return (None if dedup.ttl_ms is None else ledger.now + dedup.ttl_ms), dedup.is_forever
