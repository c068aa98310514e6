"""Which jobs fit a query: the specification of each term."""

from typing import Any

import msgspec

from headrace.core.jobs import JobRecord
from headrace.core.query import Query
from headrace.core.terms import Data, Number, States, Term, Text, as_stored, compares, fits, small


def matches(job: JobRecord, where: Query | None, now: int) -> bool:
    return where is None or all(_fits(job, term, now) is not term.is_negated for term in where.terms)


def _fits(job: JobRecord, term: Term, now: int) -> bool:
    match term:
        case States():
            return job.state in term.states
        case Text("error", pattern):
            anywhere = ("", *map(small, pattern), "")
            failure = job.failure
            texts = (failure.kind, failure.cause, failure.reason) if failure else ()
            return any(fits(anywhere, small(text)) for text in texts)
        case Text(field, pattern):
            return fits(pattern, {"queue": job.queue, "name": job.name, "id": job.id}[field])
        case Number(field, sign, value):
            age = now - (job.added_at if job.finished_at is None else job.finished_at)
            return compares({"priority": job.priority, "attempts": job.attempts_made, "age": age}[field], sign, value)
        case Data():
            return _data_fits(job, term)


def _data_fits(job: JobRecord, term: Data) -> bool:
    match _found(job.data, term.path):
        case str(text):
            return term.sign == "=" and fits(term.pattern, text)
        case True | False | None as value:
            return term.sign == "=" and term.pattern == ({True: "true", False: "false", None: "null"}[value],)
        case int() | float() as number if term.number is not None:
            return compares(as_stored(number) if isinstance(number, int) else number, term.sign, term.number)
        case _:
            return False


def _found(data: str, path: tuple[str | int, ...]) -> Any:
    """What JSON text has at a path; an empty object, which fits nothing, if there is nothing."""
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return {}
    for key in path:
        match value:
            case dict() if key in value:
                value = value[key]
            case list() if isinstance(key, int) and key < len(value):
                value = value[key]
            case _:
                return {}
    return value
