"""Settle on SQLite: guard each settlement by its token, then move the jobs, a statement a kind of move."""

from dataclasses import dataclass, field
from typing import Any, Final

from headrace.core.commands import Settle, Settled, Settlement
from headrace.core.commands.jobs import UNTOLD
from headrace.core.errors import LeaseLost, Refused
from headrace.core.jobs import HISTORY_MAX, JobRef, State
from headrace.core.tallies import bucket
from headrace.storage.sql.lite.cancel import tell_failed
from headrace.storage.sql.lite.dedup import finish
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import keys_of
from headrace.storage.sql.lite.ledger import Ledger, as_json, change, stamped
from headrace.storage.sql.lite.parents import Ties, children_done, followers_of, release
from headrace.storage.sql.lite.retention import apply_keep, drop
from headrace.storage.sql.lite.storing import store
from headrace.storage.sql.script import load

SQL: Final = load("settle")


@dataclass(slots=True)
class Moves:
    """What the accepted settlements of one command come to."""

    keys: list[int] = field(default_factory=list)
    finished: list[tuple[Any, ...]] = field(default_factory=list)
    undeferred: list[int] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)
    done: list[tuple[int, int, str | None]] = field(default_factory=list)
    failed: list[tuple[int, JobRef, str]] = field(default_factory=list)
    awaiting: list[tuple[int, ...]] = field(default_factory=list)
    hurried: set[int] = field(default_factory=set)
    pauses: dict[int, int] = field(default_factory=dict)
    keyed: list[int] = field(default_factory=list)  # finished, with a dedup key
    keeping: list[tuple[Head, int, Settlement]] = field(default_factory=list)
    followers: Ties = field(default_factory=dict)
    rescues: set[tuple[int, int]] = field(default_factory=set)


def settle(ledger: Ledger, command: Settle) -> Settled:
    """Record outcomes; see `core.commands.jobs.Settle`."""
    settlements = command.settlements
    keys = keys_of(ledger, [(settlement.queue, settlement.id) for settlement in settlements])
    held = {row[0]: row for row in ledger.rows(SQL.held, {"keys": as_json(keys)})}
    moves = Moves()
    followed = [row[0] for row in held.values() if row[10]]
    if followed:
        moves.followers = followers_of(ledger, followed)
    refusals: list[Refused | None] = []
    for key, settlement in zip(keys, settlements, strict=True):
        lease = held.get(key)
        if lease is None or lease[1] != settlement.token:
            refusals.append(LeaseLost(queue=settlement.queue, id=settlement.id))
            continue
        del held[key]
        _move(ledger, moves, lease, settlement)
        refusals.append(None)
    if moves.keys:
        _write(ledger, moves)
    return Settled(tuple(refusals))


def _move(ledger: Ledger, moves: Moves, lease: tuple[Any, ...], settlement: Settlement) -> None:
    key, _, priority, made, started, stalls, started_at, parent, deferred, is_hurried, _ = lease
    head = ledger.head(settlement.queue)
    assert head is not None
    moves.keys.append(key)
    ledger.rekey(head, (key,))
    ledger.leave(head, "active")
    carried = (priority, made + settlement.is_counted, started, stalls)
    told = UNTOLD if settlement.failure is None and settlement.to == "failed" else settlement.failure
    failure = None
    if told is not None:
        failure = stamped(ledger, told)
        if told.attempt:
            moves.failures.append((key, failure))
    if settlement.rest_ms:
        head.resting_until = max(head.resting_until, ledger.now + settlement.rest_ms)
    match settlement.to:
        case "completed" | "failed":
            body = settlement.result if settlement.to == "completed" else failure
            moves.finished.append((key, head.id, settlement.to, started_at, *carried, body))
            ledger.enter(head, settlement.to)
            counts = ledger.counts(head, settlement.name)
            counts.waits.append(bucket(settlement.waited_ms))
            counts.runs.append(bucket(ledger.now - started_at))
            if settlement.to == "completed":
                counts.completed += 1
            else:
                counts.failed += 1
            cause = told.cause if told is not None else None
            ledger.events(head).append((settlement.id, change(settlement.to, "active", cause)))
            if deferred is not None:
                moves.undeferred.append(key)
            _note_finish(moves, head, key, parent, settlement)
        case "delayed":
            ledger.enter_delayed(head, key, carried, ledger.now + settlement.delay_ms)
            ledger.event(head, settlement.id, "delayed", "active")
        case "waiting":
            state: State = ledger.enter_ready(head, key, carried, is_front=settlement.is_front)
            ledger.event(head, settlement.id, state, "active")
        case "waiting-children":
            moves.awaiting.append((key, *carried))
            if is_hurried:
                moves.hurried.add(key)
            elif settlement.delay_ms:
                moves.pauses[key] = settlement.delay_ms
            ledger.enter(head, "waiting-children")
            ledger.event(head, settlement.id, "waiting-children", "active")


def _note_finish(moves: Moves, head: Head, key: int, parent: int | None, settlement: Settlement) -> None:
    followers = moves.followers.get(key, ()) if moves.followers else ()
    if parent is not None or followers:
        if settlement.to == "completed":
            if parent is not None:
                moves.done.append((parent, key, settlement.result))
            moves.done += [(follower, key, settlement.result) for follower, _ in followers]
            moves.rescues |= {(follower, key) for follower, bond in followers if bond == "on_failure"}
        else:
            reason = (settlement.failure or UNTOLD).reason
            moves.failed.append((key, JobRef(settlement.queue, settlement.id), reason))
    if settlement.has_dedup:
        moves.keyed.append(key)
    if settlement.keep is not None:
        moves.keeping.append((head, key, settlement))


def _write(ledger: Ledger, moves: Moves) -> None:
    keys = as_json(moves.keys)
    ledger.run(SQL.unlease, {"keys": keys})
    if moves.finished:
        ledger.insert(SQL.finished, moves.finished)
    if moves.undeferred:
        ledger.run(SQL.undefer, {"keys": as_json(moves.undeferred)})
    if moves.failures:
        write_failures(ledger, moves.failures)
    ledger.insert(SQL.await_children, moves.awaiting)
    if moves.done:
        unneeded = children_done(ledger, moves.done, moves.rescues)
        if unneeded:
            drop(ledger, unneeded)
    if moves.failed:
        tell_failed(ledger, moves.failed, moves.followers)
    if moves.awaiting:
        ledger.flush_places()
        release(ledger, [row[0] for row in moves.awaiting], moves.hurried, moves.pauses)
    if moves.keyed:
        store(ledger, finish(ledger, moves.keyed))
        ledger.flush_places()
    for head, key, settlement in moves.keeping:
        state: State = "completed" if settlement.to == "completed" else "failed"
        apply_keep(ledger, head, key, state, settlement.keep)


def write_failures(ledger: Ledger, failures: list[tuple[int, str]]) -> None:
    """Add failed attempts to the history of their jobs."""
    ledger.run(SQL.failures, {"rows": as_json(failures)})
    keys = as_json([key for key, _ in failures])
    ledger.run(SQL.forget_failures, {"keys": keys, "most": HISTORY_MAX})
