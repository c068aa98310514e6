"""A job goes over to another queue, on SQLite: it gets another key, and so does every row that belongs to it."""

from typing import Final

from headrace.core.errors import DuplicateId, Refused
from headrace.core.flow_errors import InFlow
from headrace.core.jobs import FINISHED, JobRef
from headrace.storage.sql.lite.keys import existing_key, id_of
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.standing import Standing, take
from headrace.storage.sql.script import load

SQL: Final = load("move")
DEDUP: Final = load("dedup")
DEADLINES: Final = load("deadlines")
_REKEY: Final = (
    SQL.rekey_job,
    SQL.rekey_id,
    SQL.rekey_parent,
    SQL.rekey_deferred,
    SQL.rekey_failures,
    SQL.rekey_annotations,
    SQL.rekey_lines,
    DEADLINES.watch_again,
)


def rehome(ledger: Ledger, standing: Standing, to: str) -> JobRef | Refused:
    """The identity of the job in its new queue, or why it stays."""
    old = standing.head
    custom, is_in_flow, due_at = ledger.row(SQL.belongings, {"key": standing.key})
    if is_in_flow:
        return InFlow(queue=old.name, id=standing.id)
    if custom is not None and existing_key(ledger, JobRef(to, custom)) is not None:
        return DuplicateId(queue=to, id=custom)
    ledger.event(old, standing.id, "removed", standing.state)
    new = ledger.made_head(to)
    new.number += 1
    new.is_changed = True
    key = new.base + new.number
    if standing.state in FINISHED:
        ledger.run(SQL.rekey_finished, {"key": standing.key, "to": key, "queue": new.id})
        ledger.leave(old, standing.state)
        ledger.enter(new, standing.state)
    else:
        take(ledger, standing)
        ledger.run(DEDUP.lose, {"keys": as_json([standing.key])})
        ledger.rekey(old, (standing.key,))
        if standing.state == "delayed":
            ledger.enter_delayed(new, key, standing.carried, due_at)
        else:
            ledger.enter_ready(new, key, standing.carried)
    for step in _REKEY:
        ledger.run(step, {"key": standing.key, "to": key, "queue": new.id})
    ref = JobRef(to, id_of(key, custom))
    ledger.event(new, ref.id, standing.state)
    return ref
