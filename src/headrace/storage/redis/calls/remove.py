"""Remove: named jobs, or a page of what a description fits."""

from typing import Any, Final

from headrace.core.commands import Move, Remove, Removed, Spared
from headrace.core.commands.changes import FAMILY_MAX, states_to_go
from headrace.core.errors import DuplicateId, NoMatch, NoSuchJob, Refused, WrongState
from headrace.core.flow_errors import FamilyTooLarge, InFlow
from headrace.core.jobs import JobRef
from headrace.storage.match import matches
from headrace.storage.redis.call import NOTHING_SEEN, Considered, Sights, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word


def looks_at(command: Remove | Move) -> tuple[JobRef, ...]:
    return command.jobs if command.where is not None else ()


def remove(command: Remove, _: Keys, sights: Sights = NOTHING_SEEN) -> tuple[Word, ...]:
    after = command.after and (command.after.count, command.after.instant, command.after.number)
    described = (
        command.queue, states_to_go(command), command.older_ms, command.keep_count, command.spares_kept, command.limit,
        after,
    )  # fmt: skip
    named = [(ref.queue, ref.id, *judged(command, ref, sights)) for ref in command.jobs]
    with_children, is_forced = int(command.with_children), int(command.is_forced)
    return with_children, is_forced, FAMILY_MAX, pack(named), pack(described if command.queue is not None else ())


def judged(command: Remove | Move, ref: JobRef, sights: Sights) -> tuple[str | None, bool]:
    """The fingerprint with which a job was seen, and whether it does not fit the query that was asked with."""
    if command.where is None:
        return None, False
    if ref not in sights.jobs:
        return "", False
    record, fingerprint = sights.jobs[ref]
    return fingerprint, not matches(record, command.where, sights.now)


def removed(_: Remove, reply: Any, __: Keys) -> Removed:
    gone, refusals, ended = reply
    spared = Spared(*ended) if ended else None
    return Removed(tuple(JobRef(*ref) for ref in gone), tuple(map(refused, refusals)), spared)


def refused(found: list[Any] | None) -> Refused | None:
    """The refusal that a script gave: its code, the job, and the state that this is in."""
    match found:
        case ["no-such-job", queue, job_id]:
            return NoSuchJob(queue=queue, id=job_id)
        case ["no-match", queue, job_id]:
            return NoMatch(queue=queue, id=job_id)
        case ["wrong-state", queue, job_id, state]:
            return WrongState(queue=queue, id=job_id, state=state)
        case ["in-flow", queue, job_id]:
            return InFlow(queue=queue, id=job_id)
        case ["duplicate-id", queue, job_id]:
            return DuplicateId(queue=queue, id=job_id)
        case ["family-too-large", queue, job_id]:
            return FamilyTooLarge(queue=queue, id=job_id, most=FAMILY_MAX)
        case _:
            return None


CALLS: Final[dict[type, Considered]] = {Remove: Considered("remove", looks_at, remove, removed)}
