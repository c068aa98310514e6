"""Taking finished jobs away, on SQLite: retention and removal share these steps."""

from typing import Final

from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.jobs import FINISHED, JobRef, Keep, State
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.lite.keys import ref_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.parents import children_gone, forget_children
from headrace.storage.sql.script import load

SQL: Final = load("remove")
DEDUP: Final = load("dedup")
_FAR: Final = 1 << 62


def apply_keep(ledger: Ledger, head: Head, key: int, state: State, keep: Keep | None) -> None:
    """Remove finished jobs of this job's queue and state that lie beyond its `keep`, oldest first.

    With a count of 0 the job goes, and no other for the count's sake.
    """
    if keep is None:
        return
    before = ledger.now - keep.age_ms if keep.age_ms is not None else -_FAR
    surplus = max(0, head.counts[state] - keep.count) if keep.count else 0
    step = {"queue": head.id, "state": state, "before": before, "surplus": surplus, "limit": PAGE_MAX}
    step["only"] = key if keep.count == 0 else None
    keys = [row[0] for row in ledger.rows(SQL.beyond, step)]
    if keys:
        ledger.run(SQL.finished, {"keys": as_json(keys)})
        erase(ledger, keys)
        ledger.leave(head, state, len(keys))


def erase(ledger: Ledger, keys: list[int]) -> None:
    """Forget everything that belongs to jobs which have left their place; parents no longer wait for them."""
    left = forget_children(ledger, keys)
    text = as_json(keys)
    steps = (SQL.ids, SQL.jobs, SQL.parents, SQL.edges, SQL.deferred, SQL.failures, SQL.annotations, SQL.lines)
    for step in steps:
        ledger.run(step, {"keys": text})
    unneeded = children_gone(ledger, left)
    if unneeded:
        drop(ledger, unneeded)


def drop(ledger: Ledger, keys: list[int]) -> list[JobRef]:
    """Remove jobs in such a way that it is an event. What has not finished takes its dedup key along."""
    ledger.flush_places()
    rows = ledger.rows(SQL.known, {"keys": as_json(keys)})
    is_finished = [state in FINISHED for _, _, state in rows]
    if any(is_finished):
        ledger.run(SQL.finished, {"keys": as_json(keys)})
    if not all(is_finished):
        unfinished = [row[0] for row, is_over in zip(rows, is_finished, strict=True) if not is_over]
        for step in (SQL.ready, SQL.delayed, SQL.leases, DEDUP.lose):
            ledger.run(step, {"keys": as_json(unfinished)})
    refs: list[JobRef] = []
    for key, custom, state in rows:
        head = ledger.head_of(key)
        refs.append(ref_of(head, key, custom))
        ledger.leave(head, state)
        ledger.rekey(head, (key,))
        ledger.event(head, refs[-1].id, "removed", state)
    erase(ledger, keys)
    ledger.flush()
    return refs
