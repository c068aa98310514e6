"""What scripts answer, as the replies of their commands. hiredis has made text of bytes; nil is None."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from headrace.core.commands import (
    Acquire,
    Add,
    Added,
    Beat,
    Channels,
    Claim,
    Claimed,
    Commit,
    Get,
    Got,
    Leave,
    Locks,
    Publish,
    Read,
    Recover,
    Recovered,
    Release,
    Settle,
    Settled,
    Trim,
    Workers,
)
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchParent, Refused, WrongState
from headrace.core.jobs import FINISHED, Failure, JobRecord, JobRef, Lease, Parent, Policy, State
from headrace.storage.redis.calls import locks, log, workers
from headrace.storage.redis.failures import deferred_of, failure_of, history_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.options import FLAGS, options_of

Reader: TypeAlias = Callable[[Any, Any, Keys], Any]

REFUSALS: Final[dict[str, type[Refused]]] = {
    refusal.code: refusal for refusal in (DuplicateId, NoSuchParent, WrongState)
}


def added(command: Add, reply: Any, _: Keys) -> Added | Refused:
    code, *rest = reply
    if code in REFUSALS:
        fields = dict(zip(("queue", "id", "state"), rest, strict=False))
        return REFUSALS[code](**fields)
    ids, existing, *names = rest
    queues = names[0] if code == "again" else [job.queue for job in command.jobs]
    return Added(tuple(map(JobRef, queues, ids)), tuple(existing))


def claimed(command: Claim, reply: Any, keys: Keys) -> Claimed:
    wait_ms, rows = reply
    sources, token = command.sources, command.token
    return Claimed(tuple([_lease(row, sources, token, keys) for row in rows]), None if wait_ms < 0 else wait_ms)


def settled(command: Settle, reply: Any, _: Keys) -> Settled:
    refusals: list[Refused | None] = [None] * len(command.settlements)
    for position in reply:
        settlement = command.settlements[position]
        refusals[position] = LeaseLost(queue=settlement.queue, id=settlement.id)
    return Settled(tuple(refusals))


def recovered(_: Recover, reply: Any, __: Keys) -> Recovered:
    return Recovered(tuple(JobRef(queue, job_id) for queue, job_id in reply))


def got(command: Get, reply: Any, keys: Keys) -> Got:
    pairs = zip(command.jobs, reply, strict=True)
    return Got(tuple(None if found is None else _record(ref, found, keys) for ref, found in pairs))


def _lease(row: list[Any], sources: tuple[Any, ...], token: str, keys: Keys) -> Lease:
    name, data, opts, priority, added_at, started, deferred, parent, job_id, source, *more = row
    made, stalls, since = more or _FRESH
    return Lease(
        sources[source - 1].queue,
        job_id,
        token,
        name,
        data or "{}",
        options_of(opts or "{}"),
        int(priority or 0),
        int(added_at or 0),
        int(made or 0),
        started,
        int(stalls or 0),
        None if deferred is None else deferred_of(deferred, since, keys),
        None if parent is None else keys.ref(parent),
    )


def _record(ref: JobRef, found: list[Any], keys: Keys) -> JobRecord:
    flat, due_at, expires_at, pending, children = found[1:]
    state: State = found[0]
    fields: dict[str, str] = dict(zip(flat[::2], flat[1::2], strict=True))
    if state == "failed":
        failure: Failure | None = failure_of(fields, keys)
    else:
        failure = deferred_of(fields["defa"], fields.get("hrd"), keys) if "defa" in fields else None
    is_finished = state in FINISHED
    return JobRecord(
        ref.queue,
        ref.id,
        fields.get("name", ""),
        state,
        fields.get("data", "{}"),
        options_of(fields.get("opts", "{}")),
        int(fields.get("priority", 0)),
        int(fields.get("timestamp", 0)),
        attempts_made=int(fields.get("atm") or fields.get("attemptsMade") or 0),
        attempts_started=int(fields.get("ats", 0)),
        stalls=int(fields.get("stc", 0)),
        due_at=due_at,
        started_at=_integer(fields.get("processedOn")) if is_finished or state == "active" else None,
        finished_at=_integer(fields.get("finishedOn")) if is_finished else None,
        expires_at=expires_at,
        worker=fields.get("pb", "") if state == "active" else None,
        progress=fields.get("progress"),
        result=fields.get("returnvalue") if state == "completed" else None,
        failure=failure,
        failures=history_of(fields),
        parent=_parent(fields, keys),
        children_pending=pending,
        children=children,
    )


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)


def _parent(fields: dict[str, str], keys: Keys) -> Parent | None:
    if "parentKey" not in fields:
        return None
    ref = keys.ref(fields["parentKey"])
    flags = msgspec.json.decode(fields.get("parent", "{}"))
    policies: list[Policy] = [policy for policy, flag in FLAGS.items() if flags.get(flag)]
    return Parent(ref.queue, ref.id, policies[0] if policies else "wait")


_FRESH: Final = (None, None, None)

READERS: Final[dict[type, Reader]] = {
    Add: added,
    Claim: claimed,
    Settle: settled,
    Recover: recovered,
    Get: got,
    Acquire: locks.acquired,
    Release: locks.released,
    Locks: locks.listed,
    Beat: workers.beaten,
    Leave: workers.left,
    Workers: workers.living,
    Publish: log.published,
    Read: log.entries,
    Commit: log.committed,
    Trim: log.trimmed,
    Channels: log.listed,
}
