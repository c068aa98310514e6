"""The jobs that nobody has started in time fail, on SQLite; see `core.commands.jobs.Recover`."""

from typing import Any, Final

from headrace.core.jobs import JobRef
from headrace.core.lifecycle import expiry
from headrace.core.tallies import bucket
from headrace.storage.sql.lite.cancel import tell_failed
from headrace.storage.sql.lite.dedup import finish
from headrace.storage.sql.lite.ledger import Ledger, as_json, stamped
from headrace.storage.sql.lite.parents import SQL as PARENTS
from headrace.storage.sql.lite.parents import followers_of
from headrace.storage.sql.lite.retention import SQL as REMOVE
from headrace.storage.sql.lite.retention import apply_keep
from headrace.storage.sql.lite.settle import SQL as SETTLE
from headrace.storage.sql.lite.storing import store
from headrace.storage.sql.rows import options
from headrace.storage.sql.script import load

SQL: Final = load("deadlines")


def expire(ledger: Ledger, limit: int) -> tuple[tuple[JobRef, ...], bool]:
    """Fail the late ones of the jobs whose deadlines came first; whether there may be more."""
    come = ledger.rows(SQL.come, {"now": ledger.now, "limit": limit})
    if not come:
        return (), limit == 0
    ledger.flush_places()  # what was given back just now is seen in its place
    ledger.run(SQL.forget, {"rows": as_json(come)})
    rows = ledger.rows(SQL.late, {"rows": as_json(come)})
    refs = _fail(ledger, rows, {key: at for at, key in come}) if rows else ()
    return refs, len(come) == limit


def _fail(ledger: Ledger, rows: list[Any], ends: dict[int, int]) -> tuple[JobRef, ...]:
    keys = as_json([row[0] for row in rows])
    for step in (REMOVE.ready, REMOVE.delayed, PARENTS.released):
        ledger.run(step, {"keys": keys})
    finished: list[tuple[Any, ...]] = []
    failed: list[tuple[int, JobRef, str]] = []
    refs: list[JobRef] = []
    for key, job_id, name, state, priority, stalls, opts, ready_at in rows:
        head = ledger.head_of(key)
        chosen = options(opts)
        added_at = ends[key] - (chosen.expires_ms or 0)
        why = expiry(chosen, added_at, 0, ledger.now)
        assert why is not None  # its deadline has come
        refs.append(JobRef(head.name, job_id))
        finished.append((key, head.id, "failed", None, priority, 1, 1, stalls, stamped(ledger, why)))
        ledger.leave(head, state)
        ledger.enter(head, "failed")
        ledger.rekey(head, (key,))
        ledger.event(head, job_id, "failed", state, why.cause)
        counts = ledger.counts(head, name)
        counts.failed += 1
        counts.waits.append(bucket(ledger.now - ready_at if ready_at is not None else 0))
        counts.runs.append(bucket(0))
        failed.append((key, refs[-1], why.reason))
    ledger.insert(SETTLE.finished, finished)
    tell_failed(ledger, failed, followers_of(ledger, [key for key, _, _ in failed]))
    keyed = [row[0] for row in rows if options(row[6]).dedup is not None]
    if keyed:
        store(ledger, finish(ledger, keyed))
        ledger.flush_places()
    for row in rows:
        apply_keep(ledger, ledger.head_of(row[0]), row[0], "failed", options(row[6]).keep_failed)
    return tuple(refs)
