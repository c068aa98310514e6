"""Annotate, Lines: what is attached to a job."""

from typing import Any, Final

from headrace.core.commands import Annotate, Annotated, LineList, Lines
from headrace.core.errors import LeaseLost, NoMatch, NoSuchJob, NotAnObject, Refused
from headrace.core.jobs import LINES_MAX, JobRecord, JobRef
from headrace.storage.match import matches
from headrace.storage.merge import is_object, merged
from headrace.storage.redis.call import NOTHING_SEEN, Argument, Call, Considered, Sights, pack
from headrace.storage.redis.keys import Keys

_REFUSALS: Final[dict[str, type[Refused]]] = {
    refusal.code: refusal for refusal in (LeaseLost, NoSuchJob, NoMatch, NotAnObject)
}


def looks_at(command: Annotate) -> tuple[JobRef, ...]:
    is_merged = command.notes is not None or (command.patch is not None and command.data is None)
    return (command.job,) if is_merged or command.where is not None else ()


def annotate(command: Annotate, _: Keys, sights: Sights = NOTHING_SEEN) -> tuple[Argument, ...]:
    record, fingerprint = sights.jobs.get(command.job, (None, None))
    refusal = _refusal(command, record, sights.now)
    fields = [] if refusal else _fields(command, record)
    job = (command.job.queue, command.job.id, command.token, fingerprint, refusal, command.progress)
    return pack(job), pack(fields), pack(command.lines[-LINES_MAX:]), len(command.lines)


def annotated(command: Annotate, reply: Any, _: Keys) -> Annotated | Refused:
    if reply in _REFUSALS:
        return _REFUSALS[reply](queue=command.job.queue, id=command.job.id)
    return Annotated()


def lines(command: Lines, _: Keys) -> tuple[Argument, ...]:
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


def _fields(command: Annotate, record: JobRecord | None) -> list[str]:
    """The fields of the hash that change, each with its new text."""
    data, notes = command.data, command.notes
    if command.patch is not None:
        data = merged(data if data is not None else record.data if record else "{}", command.patch)
    if notes is not None:
        notes = merged((record.notes if record else None) or "{}", notes)
    return [word for name, text in (("data", data), ("hrj", notes)) if text is not None for word in (name, text)]


CALLS: Final[dict[type, Call | Considered]] = {
    Annotate: Considered("annotate", looks_at, annotate, annotated),
    Lines: Call("lines", lines, line_list),
}
