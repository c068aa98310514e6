"""Failures as BullMQ stores them, which is text, and as we do, beside it.

BullMQ has `failedReason` (the last reason), `stacktrace` (a JSON array of texts) and `defa`, the reason with which the
next claimer must fail the job. What `defa` means follows from its text, so that no second form can contradict it; Node
writes two of these texts itself. Our fields beside them are void when Node has moved on without them.
"""

import re
from typing import Final

import msgspec
from msgspec import structs

from headrace.core.jobs import HISTORY_MAX, Cause, Failure
from headrace.core.lifecycle import STALLED_REASON, child_failed
from headrace.storage.redis.keys import Keys

_LATE: Final = re.compile(r"not started within \S+ s")
_CHILD: Final = re.compile(r"child (.+) failed", re.DOTALL)
_UNRECOVERABLE: Final = "UnrecoverableError: "  # as V8 begins the stack of BullMQ's error that ends all attempts
_history: Final = msgspec.json.Decoder(Failure)
_traces: Final = msgspec.json.Decoder(list[str])


def deferred_of(text: str, since: str | None, asked: str | None, keys: Keys) -> Failure:
    """The failure that a field `defa` stands for; `since` is our field `hrd`, `asked` our `hrc`."""
    at, _, about = (since or "").partition(":")
    return structs.replace(_meant(text, keys, asked), at=int(at) if about == text else 0)


def cancel_of(asked: str | None) -> tuple[int | None, Failure | None]:
    """Which run of a job was asked to end, and the failure that it was asked with."""
    if asked is None:
        return None, None
    run, _, request = asked.partition(":")
    return int(run), _history.decode(request)


def _meant(text: str, keys: Keys, asked: str | None = None) -> Failure:
    _, request = cancel_of(asked)
    if request is not None and request.reason == text:
        return request
    if text == STALLED_REASON:
        return Failure(text, "stalled")
    if _LATE.fullmatch(text):
        return Failure(text, "expired")
    child = _CHILD.fullmatch(text)
    if child is None:
        return Failure(text)
    ref = keys.ref(child[1])
    return child_failed(ref.queue, ref.id)


def reason_of(text: str, keys: Keys) -> str:
    """A reason that a parent was told, in our words."""
    child = _CHILD.fullmatch(text)
    return _meant(text, keys).reason if child and child[1].startswith(keys.queue("")) else text


def trace_of(failure: Failure) -> str:
    """What stands in BullMQ's `stacktrace` for a failure; dashboards show it."""
    return failure.trace or (f"{failure.kind}: {failure.reason}" if failure.kind else failure.reason)


def history_of(fields: dict[str, str]) -> tuple[Failure, ...]:
    """The failed attempts: ours as recorded, those that ran under Node as far as `stacktrace` tells.

    `stacktrace` has them all in their order. It loses the oldest first, by a bound of Node's, so it is read backwards.
    """
    ours = [_history.decode(line) for line in fields.get("hrf", "").split("\n") if line]
    found = list[Failure]()
    for trace in reversed(_read_traces(fields.get("stacktrace", ""))):
        is_ours = bool(ours) and trace_of(ours[-1]) == trace
        found.append(ours.pop() if is_ours else Failure(trace.partition("\n")[0], trace=trace))
    return (*ours, *reversed(found))[-HISTORY_MAX:]


def failure_of(fields: dict[str, str], keys: Keys) -> Failure:
    """Why a failed job failed; what Node's workers know is less."""
    finished_at = int(fields.get("finishedOn", 0))
    if "hrw" in fields and (ours := _history.decode(fields["hrw"])).at == finished_at:
        return ours
    theirs = _meant(fields.get("failedReason", ""), keys, fields.get("hrc"))
    if theirs.cause != "error":
        return structs.replace(theirs, at=finished_at)
    traces = _read_traces(fields.get("stacktrace", ""))
    cause: Cause = "unrecoverable" if traces and traces[-1].startswith(_UNRECOVERABLE) else "error"
    return structs.replace(theirs, cause=cause, attempt=int(fields.get("atm", 0)), at=finished_at)


def _read_traces(text: str) -> list[str]:
    try:
        return _traces.decode(text) if text else []
    except msgspec.MsgspecError:
        return []
