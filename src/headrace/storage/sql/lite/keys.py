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
    plain = job_id.isascii() and job_id.isdecimal() and len(job_id) <= _DIGITS_MAX and job_id[0] != "0"
    return int(job_id) if plain else 0


def keys_of(ledger: Ledger, jobs: Sequence[tuple[str, str]]) -> list[int]:
    """The key of each (queue, id), 0 where there can be none; a plain job may turn out not to exist all the same."""
    keys: list[int] = []
    custom: list[tuple[int, int, str]] = []
    for at, (queue, job_id) in enumerate(jobs):
        head = ledger.head(queue)
        number = number_of(job_id)
        keys.append(head.base + number if head is not None and number else 0)
        if head is not None and not number:
            custom.append((at, head.id, job_id))
    if custom:
        for at, key in ledger.db.execute(SQL.custom, {"rows": as_json(custom)}):
            keys[at] = key
    return keys


def existing_key(ledger: Ledger, job: JobRef) -> int | None:
    """The key of a job that is there now, whatever its state."""
    key = keys_of(ledger, [(job.queue, job.id)])[0]
    row = ledger.db.execute(SQL.exists, {"key": key}).fetchone() if key else None
    return None if row is None or row[0] != (job.id if not number_of(job.id) else None) else key


def no_such(job: JobRef) -> NoSuchJob:
    """The refusal for a job that is not there."""
    return NoSuchJob(queue=job.queue, id=job.id)


def id_of(key: int, custom: str | None) -> str:
    """The id of a job from its key and its custom id, if it has one."""
    return custom if custom is not None else str(key & NUMBER_MASK)


def ref_of(head: Head, key: int, custom: str | None) -> JobRef:
    """The identity of a job of this queue."""
    return JobRef(head.name, id_of(key, custom))
