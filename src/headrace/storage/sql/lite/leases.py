"""Renew and Recover on SQLite: keeping leases, and giving back the jobs of those that ended."""

from typing import Final

from headrace.core.commands import Recover, Recovered, Renew, Renewed
from headrace.core.jobs import JobRef
from headrace.core.lifecycle import cancel_reason, revive
from headrace.core.tallies import TALLIES_FORGOTTEN_MAX, TALLIES_KEPT_MINUTES, first_minute
from headrace.core.topics import CONTROL
from headrace.storage.sql.lite.deadlines import expire
from headrace.storage.sql.lite.heads import NUMBER_BITS
from headrace.storage.sql.lite.keys import id_of, keys_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json
from headrace.storage.sql.rows import failure, options
from headrace.storage.sql.script import load

RENEW: Final = load("renew")
RECOVER: Final = load("recover")
TALLY: Final = load("tally")
DEDUP: Final = load("dedup")
FORGET_MAX: Final = 1_000  # answers that one Recover forgets
REQUEST_AGE_MS: Final = 10 * 60 * 1000  # how long the answer to an Add is remembered


def renew(ledger: Ledger, command: Renew) -> Renewed:
    """Extend leases; see `core.commands.jobs.Renew`."""
    keys = keys_of(ledger, [(hold.queue, hold.id) for hold in command.leases])
    held = {row[0]: row for row in ledger.rows(RENEW.held, {"keys": as_json(keys)})}
    kept, lost = [], []
    cancelled: dict[JobRef, str] = {}
    for key, hold in zip(keys, command.leases, strict=True):
        row = held.get(key)
        if row is None or row[1] != hold.token:
            lost.append(JobRef(hold.queue, hold.id))
            continue
        kept.append(key)
        if row[2]:
            cancelled[JobRef(hold.queue, hold.id)] = cancel_reason(None if row[3] is None else failure(row[3]))
    if kept:
        step = {"keys": as_json(kept), "expires_at": ledger.now + command.lease_ms}
        ledger.run(RENEW.extend, step)
    return Renewed(tuple(lost), tuple(cancelled), tuple(cancelled.values()))


def recover(ledger: Ledger, command: Recover) -> Recovered:
    """Give back jobs whose lease ended; see `core.commands.jobs.Recover`."""
    has_old = _forget_requests(ledger)
    ledger.run(DEDUP.forget_old, {"now": ledger.now})
    _forget_tallies(ledger)
    jobs = _give_back(ledger, command.limit)
    expired, is_more = expire(ledger, command.limit)
    return Recovered(jobs, expired, is_more or has_old)


def _forget_requests(ledger: Ledger) -> bool:
    """Forget a page of old answers to Adds; whether there may be more."""
    is_more = False
    for step in (RECOVER.forget_requests, RECOVER.forget_series):
        ledger.run(step, {"before": ledger.now - REQUEST_AGE_MS, "limit": FORGET_MAX})
        is_more = is_more or ledger.db.changes() == FORGET_MAX
    return is_more


def _give_back(ledger: Ledger, limit: int) -> tuple[JobRef, ...]:
    rows = ledger.rows(RECOVER.ended, {"now": ledger.now, "limit": limit})
    if not rows:
        return ()
    ledger.run(RECOVER.unlease, {"keys": as_json([row[0] for row in rows])})
    jobs = []
    for key, priority, made, started, stalls, custom, opts, is_deferred in rows:
        head = ledger.head_of(key)
        job_id = id_of(key, custom)
        poison = None if is_deferred else revive(options(opts), stalls + 1)
        if poison is not None:
            ledger.defer(key, poison)
        ledger.leave(head, "active")
        state = ledger.enter_ready(head, key, Carried(priority, made, started, stalls + 1), is_front=True)
        ledger.event(head, job_id, state, "active", "stalled")
        jobs.append(JobRef(head.name, job_id))
    ledger.signal(CONTROL)  # whoever still runs one of them should learn it soon
    return tuple(jobs)


def _forget_tallies(ledger: Ledger) -> None:
    step = {"minute": first_minute(ledger.now, TALLIES_KEPT_MINUTES), "limit": TALLIES_FORGOTTEN_MAX}
    old = ledger.rows(TALLY.old, step)
    if not old:
        return
    ledger.run(TALLY.forget, {"rows": as_json(old)})
    for queue, minute in old:
        head = ledger.head_of(queue << NUMBER_BITS)
        if head.minute == minute:
            head.tally, head.is_changed = None, True
