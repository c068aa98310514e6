"""A job's record, for machines and for people; and how people write a job: `QUEUE/ID`."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import structs

from headrace.cli.failure import Stop
from headrace.cli.text import instant
from headrace.core.jobs import Dedup, Failure, JobRecord, JobRef
from headrace.core.lifecycle import deadline


def ref(text: str) -> JobRef:
    """The job that `QUEUE/ID` names."""
    queue, sign, job_id = text.partition("/")
    if not (queue and sign and job_id):
        raise Stop(f"{text!r} names no job; write QUEUE/ID, for instance default/7")
    return JobRef(queue, job_id)


def as_json(record: JobRecord) -> dict[str, Any]:
    """Everything the store knows of a job; what it keeps as JSON text stands there as JSON."""
    fields = structs.asdict(record)
    for key in ("data", "result", "progress", "notes"):
        fields[key] = raw(fields[key])
    fields["options"] = structs.asdict(record.options)
    fields["failure"] = record.failure and structs.asdict(record.failure)
    fields["failures"] = [structs.asdict(failure) for failure in record.failures]
    return {"job": f"{record.queue}/{record.id}", **fields}


def raw(text: str | None) -> msgspec.Raw | None:
    """Stored JSON text as a part of a JSON document."""
    return None if text is None else msgspec.Raw(text)


def as_pairs(record: JobRecord) -> Iterator[tuple[str, str]]:
    """What is worth a line of it."""
    yield "job", f"{record.queue}/{record.id}"
    yield "name", record.name
    yield "state", record.state
    yield "attempts", f"{record.attempts_made} of {record.options.attempts}"
    yield "data", record.data
    if record.priority:
        yield "priority", str(record.priority)
    if record.parent:
        yield "parent", f"{record.parent.queue}/{record.parent.id} (on failure: {record.parent.policy})"
    if record.children:
        yield "children", f"{record.children}, {record.children_pending} not done"
    if record.options.dedup:
        yield "dedup", scope(record.options.dedup)
    yield from _times(record)
    for name in ("worker", "progress", "notes", "result"):
        if (value := getattr(record, name)) is not None:
            yield name, value
    if record.is_cancel_requested:
        yield "cancelling", "its worker was asked to cancel it"
    if record.stalls:
        yield "stalls", str(record.stalls)
    if record.failure and record.failure not in record.failures:
        yield "failure", told(record.failure)
    for failure in record.failures:
        yield f"attempt {failure.attempt}", told(failure)


def scope(dedup: Dedup) -> str:
    """A dedup key, and how long no other job of it is taken."""
    if dedup.is_forever:
        return f"{dedup.key}, for ever"
    return f"{dedup.key}, " + ("until it has finished" if dedup.ttl_ms is None else f"for {dedup.ttl_ms / 1000:g} s")


def told(failure: Failure) -> str:
    """An attempt that failed: when, why, and the trace."""
    kind = f"{failure.kind}: " if failure.kind else ""
    trace = f"\n{failure.trace.rstrip()}" if failure.trace else ""
    return f"{instant(failure.at) if failure.at else ''} {failure.cause}: {kind}{failure.reason}{trace}".lstrip()


def _times(record: JobRecord) -> Iterator[tuple[str, str]]:
    for name in ("added_at", "due_at", "started_at", "finished_at"):
        if (at := getattr(record, name)) is not None:
            yield name.removesuffix("_at"), instant(at)
    end = deadline(record.options, record.added_at)
    if end is not None and not record.attempts_started:
        yield "expires", instant(end)
