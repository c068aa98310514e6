"""Jobs as rows of a table."""

import time
from collections.abc import Iterator, Sequence

from headrace.cli.text import span
from headrace.core.jobs import JobRecord
from headrace.why import tries


def rows(records: Sequence[JobRecord]) -> Iterator[tuple[str, ...]]:
    """The records as rows of a table."""
    now = round(time.time() * 1000)
    for record in records:
        yield f"{record.queue}/{record.id}", record.name, record.state, tries(record), _since(record, now)


def _since(record: JobRecord, now: int) -> str:
    """How long it has been so; for a delayed job, how long it will be."""
    if record.state == "delayed" and record.due_at is not None:
        return f"in {span(record.due_at - now)}" if record.due_at > now else "due"
    at = record.finished_at or (record.started_at if record.state == "active" else None) or record.added_at
    return span(now - at)
