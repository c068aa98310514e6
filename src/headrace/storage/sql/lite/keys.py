"""Between the identity of a job and its key. A plain job's key follows from its id; custom ids are looked up."""

from collections.abc import Sequence
from typing import Final

from headrace.core.errors import NoSuchJob
from headrace.core.jobs import JobRef
from headrace.storage.sql.lite.heads import NUMBER_MASK, Head
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("keys")
_DIGITS_MAX: Final = 12  # 2^40 has 13 digits; a longer number is no job's


def number_of(job_id: str) -> int:
    """The number of a plain job, 0 for a custom id."""
    return int(job_id) if job_id.isdecimal() and len(job_id) <= _DIGITS_MAX else 0


def keys_of(ledger: Ledger, jobs: Sequence[tuple[str, str]]) -> list[int]:
    """The key of each (queue, id), 0 where there can be none; a plain job may turn out not to exist all the same."""
    keys: list[int] = []
    custom: list[tuple[int, int, str]] = []
    head, last = None, None
    for queue, job_id in jobs:
        if queue != last:
            head, last = ledger.head(queue), queue
        if head is None:
            keys.append(0)
        elif job_id.isdecimal() and len(job_id) <= _DIGITS_MAX:  # `number_of`, spelled out: this is the hot loop
            keys.append(head.base + int(job_id))
        else:
            custom.append((len(keys), head.id, job_id))
            keys.append(0)
    if custom:
        for at, key in ledger.rows(SQL.custom, {"rows": as_json(custom)}):
            keys[at] = key
    return keys


def existing_key(ledger: Ledger, job: JobRef) -> int | None:
    """The key of a job that is there now, whatever its state."""
    key = keys_of(ledger, [(job.queue, job.id)])[0]
    row = ledger.row(SQL.exists, {"key": key}) if key else None
    return key if row is not None and id_of(key, row[0]) == job.id else None


def no_such(job: JobRef) -> NoSuchJob:
    """The refusal for a job that is not there."""
    return NoSuchJob(queue=job.queue, id=job.id)


def id_of(key: int, custom: str | None) -> str:
    """The id of a job from its key and its custom id, if it has one."""
    return custom if custom is not None else str(key & NUMBER_MASK)


def ref_of(head: Head, key: int, custom: str | None) -> JobRef:
    """The identity of a job of this queue."""
    return JobRef(head.name, id_of(key, custom))
