"""Claim on SQLite: promote what is due, take what is ready, lease it."""

from typing import Any, Final

from msgspec.structs import replace

from headrace.core.commands import Claim, Claimed, Source
from headrace.core.jobs import Failure, JobRef, Lease, Options
from headrace.core.lifecycle import expiry
from headrace.core.limits import startable_at
from headrace.storage.sql.lite.capacity import claimable, forget_turns, free, in_turn, note_starts
from headrace.storage.sql.lite.heads import NUMBER_MASK, Head
from headrace.storage.sql.lite.keys import id_of
from headrace.storage.sql.lite.ledger import Carried, Ledger, as_json, change
from headrace.storage.sql.rows import failure, options
from headrace.storage.sql.script import load

SQL: Final = load("claim")
PROMOTE_MAX: Final = 1_000  # jobs promoted by one Claim per queue


def claim(ledger: Ledger, command: Claim) -> Claimed:
    """Lease jobs; see `core.commands.jobs.Claim`."""
    leases: list[Lease] = []
    waits: list[int] = []
    for source in command.sources:
        head = ledger.head(source.queue)
        if head is None:
            continue
        if head.counts["delayed"]:
            promote_due(ledger, head)
        if head.is_paused:
            continue
        if head.resting_until > ledger.now:
            waits.append(head.resting_until - ledger.now)
            continue
        most = command.limit - len(leases)
        if head.limits is not None:
            most = min(most, claimable(ledger, head))
        if most > 0 and (head.counts["waiting"] or head.counts["prioritized"]):
            leases += _take(ledger, head, source, command, most)
        elif head.limits is not None and head.limits.per_key:
            forget_turns(ledger, head)
        if len(leases) < command.limit:
            waits += _waits(ledger, head)
    wait_ms = min(waits, default=None) if len(leases) < command.limit else None
    return Claimed(tuple(leases), wait_ms)


def promote_due(ledger: Ledger, head: Head) -> None:
    """Move delayed jobs whose time has come to the back of their class, in the order of their time."""
    step = {"queue": head.id, "now": ledger.now, "limit": PROMOTE_MAX}
    due = ledger.rows(SQL.due, step)
    if not due:
        return
    ledger.run(SQL.undelay, {"keys": as_json([row[0] for row in due])})
    ledger.leave(head, "delayed", len(due))
    for key, priority, made, started, stalls, custom in due:
        state = ledger.enter_ready(head, key, Carried(priority, made, started, stalls))
        ledger.event(head, id_of(key, custom), state, "delayed")
    ledger.flush_places()


def _take(ledger: Ledger, head: Head, source: Source, command: Claim, limit: int) -> list[Lease]:
    if head.member is not None:
        names = None if source.names is None else as_json(source.names)
        keys = in_turn(ledger, head, names, limit)
        rows = ledger.rows(SQL.chosen, {"keys": as_json(keys)}) if keys else []
    elif source.names is None:
        rows = ledger.rows(SQL.any, {"queue": head.id, "limit": limit})
    else:
        step = {"queue": head.id, "limit": limit, "names": as_json(source.names)}
        rows = ledger.rows(SQL.named, step)
    if not rows:
        return []
    leases, taken = _leases(ledger, head, command.token, rows)
    ledger.run(SQL.unready, {"keys": as_json([row[0] for row in rows])})
    times = {"now": ledger.now, "expires_at": ledger.now + command.lease_ms}
    ledger.run(SQL.leases, {"rows": as_json(taken), "token": command.token, "worker": command.worker} | times)
    prioritized = sum(1 for row in rows if row[1])
    ledger.leave(head, "prioritized", prioritized)
    ledger.leave(head, "waiting", len(rows) - prioritized)
    ledger.enter(head, "active", len(rows))
    if head.limits is not None:
        note_starts(ledger, head, len(rows))
        ledger.rekey(head, (row[0] for row in rows))
    return leases


def _leases(
    ledger: Ledger, head: Head, token: str, rows: list[tuple[Any, ...]]
) -> tuple[list[Lease], list[tuple[Any, ...]]]:
    queue, now = head.name, ledger.now
    events = ledger.events(head)
    from_waiting, from_prioritized = change("active", "waiting"), change("active", "prioritized")
    leases, taken = [], []
    for key, priority, made, started, stalls, ready_at, custom, name, data, opts, added_at, parent, deferred in rows:
        job_id = str(key & NUMBER_MASK) if custom is None else custom
        chosen = options(opts)
        why = None if deferred is None else failure(deferred)
        if chosen.expires_ms is not None and why is None:
            why = _late(ledger, key, chosen, added_at, started)
        leases.append(
            Lease(
                queue,
                job_id,
                token,
                name,
                data,
                chosen,
                priority,
                added_at,
                made,
                started + 1,
                stalls,
                why,
                None if parent is None else _parent(ledger, parent),
                now - ready_at if now > ready_at else 0,
            )
        )
        taken.append((key, priority, made, started + 1, stalls, parent))
        events.append((job_id, from_prioritized if priority else from_waiting))
    return leases, taken


def _late(ledger: Ledger, key: int, chosen: Options, added_at: int, started: int) -> Failure | None:
    """The failure of a job that is past its deadline; it is deferred, so that a worker who dies does not undo it."""
    why = expiry(chosen, added_at, started, ledger.now)
    if why is None:
        return None
    why = replace(why, at=ledger.now)
    ledger.defer(key, why)
    return why


def _parent(ledger: Ledger, key: int) -> JobRef | None:
    row = ledger.row(SQL.parent, {"key": key})
    return None if row is None else JobRef(ledger.head_of(key).name, row[1])


def _waits(ledger: Ledger, head: Head) -> list[int]:
    """After which time the queue may have something without news: nothing, if the end of a job is waited for."""
    if head.limits is not None and not claimable(ledger, head):
        rate = head.limits.rate
        if rate is None or not free(ledger, head):
            return []
        return [startable_at(rate, head.starts, ledger.now) - ledger.now]
    return [_until_next_due(ledger, head)] if head.counts["delayed"] else []


def _until_next_due(ledger: Ledger, head: Head) -> int:
    due_at: int = ledger.row(SQL.next_due, {"queue": head.id})[0]
    return max(0, due_at - ledger.now)
