"""Remove on SQLite: named jobs, or a page of what a description finds."""

from typing import Any, Final

from headrace.core.commands import Remove, Removed, Spared
from headrace.core.commands.changes import FAMILY_MAX, states_to_go, stay_before
from headrace.core.errors import NoMatch, Refused, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.jobs import FINISHED, JobRef, State
from headrace.core.lifecycle import STARTS
from headrace.storage.sql.lite.heads import NUMBER_MASK, Head
from headrace.storage.sql.lite.keys import existing_key, keys_of, no_such, ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.lite.retention import SQL, drop

_PAGES: Final[dict[State, str]] = {
    "waiting": SQL.ready_page,
    "prioritized": SQL.ready_page,
    "delayed": SQL.delayed_page,
    "waiting-children": SQL.parents_page,
    "completed": SQL.finished_page,
    "failed": SQL.finished_page,
}


def remove(ledger: Ledger, command: Remove) -> Removed:
    """Remove jobs; see `core.commands.changes.Remove`."""
    refusals: list[Refused | None] = []
    gone: list[JobRef] = []
    named = keys_of(ledger, [(job.queue, job.id) for job in command.jobs])
    wanted = fitting(ledger, command.where, named)
    for job, key in zip(command.jobs, named, strict=True):
        outcome = _remove_named(ledger, job, command, is_wanted=key in wanted)
        refusals.append(outcome if isinstance(outcome, Refused) else None)
        gone += outcome if isinstance(outcome, list) else []
    head = None if command.queue is None else ledger.head(command.queue)
    paged, spared = _remove_page(ledger, head, command) if head is not None else ([], None)
    return Removed((*gone, *paged), tuple(refusals), spared)


def _remove_named(ledger: Ledger, job: JobRef, command: Remove, *, is_wanted: bool) -> Refused | list[JobRef]:
    key = existing_key(ledger, job)
    if key is None:
        return no_such(job)
    if not is_wanted:
        return NoMatch(queue=job.queue, id=job.id)
    starts = STARTS["remove"] | (STARTS["obliterate"] if command.is_forced else frozenset())
    keys = [key]
    if command.with_children:
        keys = [row[0] for row in ledger.rows(SQL.family, {"root": key, "limit": FAMILY_MAX + 2})]
    if len(keys) > FAMILY_MAX + 1:
        return FamilyTooLarge(queue=job.queue, id=job.id, most=FAMILY_MAX)
    for one, custom, state in ledger.rows(SQL.known, {"keys": as_json(keys)}):
        if state not in starts:
            fixed = ref_of(ledger.head_of(one), one, custom)
            return WrongState(queue=fixed.queue, id=fixed.id, state=state)
    return drop(ledger, keys)


def _remove_page(ledger: Ledger, head: Head, command: Remove) -> tuple[list[JobRef], Spared | None]:
    gone: list[JobRef] = []
    room, spared = command.limit, None
    for state in states_to_go(command):
        limit = min(room, head.counts[state] - command.keep_count - stay_before(command, state))
        if state not in STARTS["remove"] or limit <= 0:
            continue
        step = {"queue": head.id, "state": state, "before": ledger.now - command.older_ms, "limit": limit}
        is_sparing = command.spares_kept and state in FINISHED
        rows = ledger.rows(*_sparing(head, command, step) if is_sparing else (_PAGES[state], step))
        keys = [row[0] for row in rows if not (is_sparing and row[2])]
        gone += drop(ledger, keys) if keys else []
        room -= len(rows)
        if is_sparing and not room:
            key, instant, _ = rows[-1]
            stay = stay_before(command, state) + len(rows) - len(keys)
            spared = Spared(state, stay, instant, key & NUMBER_MASK)
    return gone, spared


def _sparing(head: Head, command: Remove, step: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement and its values for a page that passes over those who keep themselves."""
    after = command.after if command.after and command.after.state == step["state"] else None
    instant, number = (after.instant, after.number) if after else (0, 0)
    return SQL.finished_page_sparing, {**step, "instant": instant, "key": head.base + number}
