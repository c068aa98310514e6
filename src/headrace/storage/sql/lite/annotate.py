"""Annotate on SQLite."""

from typing import Final

from headrace.core.commands import Annotate, Annotated
from headrace.core.errors import DataTooLarge, LeaseLost, NoMatch, NotAnObject, Refused
from headrace.core.jobs import LINES_MAX
from headrace.storage.sql.lite.keys import existing_key, no_such
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.lite.match import fitting
from headrace.storage.sql.script import load

SQL: Final = load("annotate")
_PARTS: Final = ("progress", "notes", "data", "patch")


def annotate(ledger: Ledger, command: Annotate) -> Annotated | Refused:
    """Attach progress, lines, notes, data; see `core.commands.changes.Annotate`."""
    job = command.job
    key = existing_key(ledger, job)
    if command.token is not None and ledger.row(SQL.token, {"key": key}) != (command.token,):
        return LeaseLost(queue=job.queue, id=job.id)
    if key is None:
        return no_such(job)
    if not fitting(ledger, command.where, (key,)):
        return NoMatch(queue=job.queue, id=job.id)
    if command.patch is not None and ledger.row(SQL.object, {"key": key, "data": command.data}) is None:
        return NotAnObject(queue=job.queue, id=job.id)
    parts = {name: getattr(command, name) for name in _PARTS}
    if command.bytes_max is not None:
        step = {"key": key, "most": command.bytes_max, "notes": command.notes, "data": command.data}
        large = ledger.row(SQL.too_large, step | {"patch": command.patch})
        if large is not None:
            return DataTooLarge(what=large[0], queue=job.queue, id=job.id, limit=command.bytes_max)
    if any(value is not None for value in parts.values()):
        ledger.run(SQL.annotate, {"key": key} | parts)
    if command.lines:
        ledger.run(SQL.lines, {"key": key, "rows": as_json(command.lines)})
        ledger.run(SQL.forget_lines, {"key": key, "most": LINES_MAX})
    if command.progress is not None:
        ledger.event(ledger.head_of(key), job.id, "progress")
    return Annotated()
