"""Remove on SQLite: named jobs, or a page of what a description finds."""

from typing import Final

from headrace.core.commands import Remove, Removed
from headrace.core.errors import NoMatch, Refused, WrongState
from headrace.core.jobs import FINISHED, JobRef, State
from headrace.core.lifecycle import STARTS
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import existing_key, keys_of, no_such, ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.lite.retention import SQL, erase

_PAGES: Final[dict[State, str]] = {
    "waiting": SQL.ready_page,
    "prioritized": SQL.ready_page,
    "delayed": SQL.delayed_page,
    "waiting-children": SQL.parents_page,
    "completed": SQL.finished_page,
    "failed": SQL.finished_page,
}


def remove(ledger: Ledger, command: Remove) -> Removed:
    """Remove jobs; see `core.commands.jobs.Remove`."""
    refusals: list[Refused | None] = []
    gone: list[JobRef] = []
    named = keys_of(ledger, [(job.queue, job.id) for job in command.jobs])
    wanted = fitting(ledger, command.where, named)
    for job, key in zip(command.jobs, named, strict=True):
        refusal = _remove_named(ledger, job, command, is_wanted=key in wanted)
        refusals.append(refusal)
        if refusal is None:
            gone.append(job)
    head = None if command.queue is None else ledger.head(command.queue)
    if head is not None:
        gone += _remove_page(ledger, head, command)
    return Removed(tuple(gone), tuple(refusals))


def _remove_named(ledger: Ledger, job: JobRef, command: Remove, *, is_wanted: bool) -> Refused | None:
    key = existing_key(ledger, job)
    if key is None:
        return no_such(job)
    if not is_wanted:
        return NoMatch(queue=job.queue, id=job.id)
    ((_, _, state),) = ledger.rows(SQL.known, {"keys": as_json([key])})
    if state not in STARTS["remove"] and not (command.is_forced and state in STARTS["obliterate"]):
        return WrongState(queue=job.queue, id=job.id, state=state)
    _drop(ledger, ledger.head_of(key), [key])
    return None


def _remove_page(ledger: Ledger, head: Head, command: Remove) -> list[JobRef]:
    gone: list[JobRef] = []
    for state in command.states:
        surplus = min(head.counts[state] - command.keep_count, command.limit - len(gone))
        if state not in STARTS["remove"] or surplus <= 0:
            continue
        step = {"queue": head.id, "state": state, "before": ledger.now - command.older_ms, "limit": surplus}
        page = SQL.finished_page_sparing if command.spares_kept and state in FINISHED else _PAGES[state]
        keys = [row[0] for row in ledger.rows(page, step)]
        gone += _drop(ledger, head, keys) if keys else []
    return gone


def _drop(ledger: Ledger, head: Head, keys: list[int]) -> list[JobRef]:
    rows = ledger.rows(SQL.known, {"keys": as_json(keys)})
    for _, _, state in rows:
        ledger.leave(head, state)
    is_finished = rows[0][2] in FINISHED
    for step in (SQL.finished,) if is_finished else (SQL.ready, SQL.delayed, SQL.leases):
        ledger.run(step, {"keys": as_json(keys)})
    refs = [ref_of(head, key, custom) for key, custom, _ in rows]
    for ref, (_, _, state) in zip(refs, rows, strict=True):
        ledger.event(head, ref.id, "removed", state)
    erase(ledger, keys)
    ledger.flush()
    return refs
