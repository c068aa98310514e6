"""Annotate, Lines: what is attached to a job."""

from collections.abc import Mapping
from typing import Any, Final

from headrace.core.commands import Annotate, Annotated, LineList, Lines
from headrace.core.errors import DataTooLarge, LeaseLost, NoMatch, NoSuchJob, NotAnObject, Refused
from headrace.core.jobs import LINES_MAX, JobRecord, JobRef
from headrace.storage.match import matches
from headrace.storage.merge import is_object, merged
from headrace.storage.redis.call import NOTHING_SEEN, Call, Considered, Sights, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word

_REFUSALS: Final[dict[str, type[Refused]]] = {
    refusal.code: refusal for refusal in (LeaseLost, NoSuchJob, NoMatch, NotAnObject)
}


def looks_at(command: Annotate) -> tuple[JobRef, ...]:
    is_merged = command.notes is not None or (command.patch is not None and command.data is None)
    return (command.job,) if is_merged or command.where is not None else ()


def annotate(command: Annotate, _: Keys, sights: Sights = NOTHING_SEEN) -> tuple[Word, ...]:
    record, fingerprint = sights.jobs.get(command.job, (None, "" if looks_at(command) else None))
    refusal = _refusal(command, record, sights.now)
    texts = {} if refusal else _texts(command, record)
    refusal = refusal or _too_large(command, texts)
    fields = [] if refusal else [word for item in texts.items() for word in item]
    job = (command.job.queue, command.job.id, command.token, fingerprint, refusal, command.progress)
    return pack(job), pack(fields), pack(command.lines[-LINES_MAX:]), len(command.lines)


def annotated(command: Annotate, reply: Any, _: Keys) -> Annotated | Refused:
    code, _, what = reply.partition(" ")
    if code == DataTooLarge.code:
        assert command.bytes_max is not None
        return DataTooLarge(what=what, queue=command.job.queue, id=command.job.id, limit=command.bytes_max)
    if code in _REFUSALS:
        return _REFUSALS[code](queue=command.job.queue, id=command.job.id)
    return Annotated()


def lines(command: Lines, _: Keys) -> tuple[Word, ...]:
    return command.job.queue, command.job.id, command.after, command.limit


def line_list(command: Lines, reply: Any, _: Keys) -> LineList | Refused:
    if reply is None:
        return NoSuchJob(queue=command.job.queue, id=command.job.id)
    texts, first, count = reply
    return LineList(tuple(texts), first, count)


def _refusal(command: Annotate, record: JobRecord | None, now: int) -> str | None:
    """Why not, if the lease holds and the job is there."""
    if record is not None and not matches(record, command.where, now):
        return NoMatch.code
    data = command.data if command.data is not None else record.data if record else "{}"
    return NotAnObject.code if command.patch is not None and not is_object(data) else None


def _too_large(command: Annotate, texts: Mapping[str, str]) -> str | None:
    """The same, by what would be stored: the refusal, and of what."""
    for what, field, is_merged in (("data", "data", command.patch is not None), ("notes", "hrj", True)):
        if is_merged and command.bytes_max is not None and len(texts.get(field, "").encode()) > command.bytes_max:
            return f"{DataTooLarge.code} {what}"
    return None


def _texts(command: Annotate, record: JobRecord | None) -> dict[str, str]:
    """The fields of the hash that change, each with its new text."""
    data, notes = command.data, command.notes
    if command.patch is not None:
        data = merged(data if data is not None else record.data if record else "{}", command.patch)
    if notes is not None:
        notes = merged((record.notes if record else None) or "{}", notes)
    return {field: text for field, text in (("data", data), ("hrj", notes)) if text is not None}


CALLS: Final[dict[type, Call | Considered]] = {
    Annotate: Considered("annotate", looks_at, annotate, annotated),
    Lines: Call("lines", lines, line_list),
}
