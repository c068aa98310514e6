"""Annotate on SQLite."""

from typing import Final

from headrace.core.commands import Annotate, Annotated
from headrace.core.errors import LeaseLost, Refused
from headrace.core.jobs import LINES_MAX
from headrace.storage.sql.lite.keys import existing_key, no_such
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("annotate")


def annotate(ledger: Ledger, command: Annotate) -> Annotated | Refused:
    """Attach progress, lines, notes, data; see `core.commands.jobs.Annotate`."""
    job = command.job
    key = existing_key(ledger, job)
    if command.token is not None:
        row = ledger.row(SQL.token, {"key": key})
        if row is None or row[0] != command.token:
            return LeaseLost(queue=job.queue, id=job.id)
    if key is None:
        return no_such(job)
    step = {"key": key, "progress": command.progress, "notes": command.notes, "data": command.data}
    if any(value is not None for value in (command.progress, command.notes, command.data)):
        ledger.run(SQL.annotate, step)
    if command.lines:
        ledger.run(SQL.lines, {"key": key, "rows": as_json(command.lines)})
        ledger.run(SQL.forget_lines, {"key": key, "most": LINES_MAX})
    if command.progress is not None:
        ledger.event(ledger.head_of(key), job.id, "progress")
    return Annotated()
