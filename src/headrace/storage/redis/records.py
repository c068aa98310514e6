"""A job as a script gives it, as a record: the hash, and what stands about the job elsewhere."""

from typing import Any, Final

import msgspec

from headrace.core.jobs import FINISHED, Failure, JobRecord, JobRef, Parent, Policy, State
from headrace.storage.redis.call import Look, Sights, pack
from headrace.storage.redis.failures import cancel_of, deferred_of, failure_of, history_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.options import FLAGS, options_of
from headrace.storage.redis.packing import Word


def record(ref: JobRef, found: list[Any], keys: Keys) -> JobRecord:
    """`found` is what the shared script `record` gives."""
    flat, due_at, expires_at, pending, children = found[1:]
    state: State = found[0]
    fields: dict[str, str] = dict(zip(flat[::2], flat[1::2], strict=True))
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
        is_cancel_requested=state == "active" and _is_asked(fields),
        progress=fields.get("progress"),
        notes=fields.get("hrj"),
        result=fields.get("returnvalue") if state == "completed" else None,
        failure=_failure(state, fields, keys),
        failures=history_of(fields),
        parent=_parent(fields, keys),
        children_pending=pending,
        children=children,
    )


def looking(refs: tuple[JobRef, ...], _: Keys) -> tuple[str, tuple[Word, ...]]:
    """The script, and its arguments, that gives what `sights_of` reads."""
    return "get", (pack(refs), "with fingerprints")


def sights_of(refs: tuple[JobRef, ...], reply: Any, keys: Keys) -> Sights:
    now, found, fingerprints = reply
    seen = zip(refs, found, fingerprints, strict=True)
    return Sights(now, {ref: (record(ref, job, keys), mark) for ref, job, mark in seen if job is not None})


def _failure(state: State, fields: dict[str, str], keys: Keys) -> Failure | None:
    if state == "failed":
        return failure_of(fields, keys)
    if "defa" not in fields or state == "completed":  # under Node, which leaves it there
        return None
    return deferred_of(fields["defa"], fields.get("hrd"), fields.get("hrc"), keys)


def _is_asked(fields: dict[str, str]) -> bool:
    run, _ = cancel_of(fields.get("hrc"))
    return run is not None and run == int(fields.get("ats", 0))


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)


def _parent(fields: dict[str, str], keys: Keys) -> Parent | None:
    if "parentKey" not in fields:
        return None
    ref = keys.ref(fields["parentKey"])
    flags = msgspec.json.decode(fields.get("parent", "{}"))
    policies: list[Policy] = [policy for policy, flag in FLAGS.items() if flags.get(flag)]
    return Parent(ref.queue, ref.id, policies[0] if policies else "wait")


AT_JOBS: Final = Look(looking, sights_of)
