"""Our options and BullMQ's: the JSON in the hash field `opts`, in its names, with a few of our own.

BullMQ's `removeOnComplete` counts age in seconds. Ours are `timeout_ms`, `max_stalled`, `expires_ms`, `siblings`,
`slot`, the backoff's `max_ms` and the `forever` of `de`.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.core.backoff import DELAY_MAX_MS, Backoff, Custom, Exponential, Fixed
from headrace.core.jobs import Dedup, Keep, NewJob, Options, Policy, Siblings, Slot

FLAGS: Final[dict[Policy, str]] = {
    "fail_parent": "fpof",
    "continue_parent": "cpof",
    "ignore": "idof",
    "drop": "rdof",
}  # `wait` has none

_DEDUP_FLAGS: Final = {
    "forever": "is_forever",
    "extend": "extends",
    "replace": "replaces",
    "reschedule": "reschedules",
    "keepLastIfActive": "keeps_last",
}

_encode: Final = msgspec.json.Encoder().encode


class _Read(Struct, frozen=True):
    attempts: float = 1
    backoff: float | dict[str, Any] | None = None
    timeout_ms: int | None = None
    max_stalled: int = 1
    lifo: bool | None = None
    expires_ms: int | None = None
    siblings: Siblings = "run"
    slot: tuple[str, int] | None = None
    de: dict[str, Any] | None = None
    remove_on_complete: bool | float | dict[str, Any] | None = msgspec.field(name="removeOnComplete", default=None)
    remove_on_fail: bool | float | dict[str, Any] | None = msgspec.field(name="removeOnFail", default=None)


_decoder: Final = msgspec.json.Decoder(_Read)


def opts_json(job: NewJob, parent_queue: str | None) -> str:
    """The field `opts` of a new job; `parent_queue` is its parent's queue as BullMQ writes it."""
    if job.id is None and job.parent is None and not job.delay_ms and not job.priority:
        return _shared_json(job.options)
    own: dict[str, Any] = _shared(job.options)
    if job.id is not None:
        own["jobId"] = job.id
    if job.delay_ms:
        own["delay"] = job.delay_ms
    if job.priority:
        own["priority"] = job.priority
    if job.parent is not None:
        own["parent"] = {"id": job.parent.id, "queue": parent_queue}
        if job.parent.policy in FLAGS:
            own[FLAGS[job.parent.policy]] = True
    return _encode(own).decode()


@lru_cache(maxsize=1024)
def _shared_json(options: Options) -> str:
    return _encode(_shared(options)).decode()


def _shared(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {"attempts": options.attempts}
    if options.backoff is not None:
        found["backoff"] = _backoff_out(options.backoff)
    if options.timeout_ms is not None:
        found["timeout_ms"] = options.timeout_ms
    if options.max_stalled != 1:
        found["max_stalled"] = options.max_stalled
    if options.lifo:
        found["lifo"] = True
    if options.keep_completed is not None:
        found["removeOnComplete"] = _keep_out(options.keep_completed)
    if options.keep_failed is not None:
        found["removeOnFail"] = _keep_out(options.keep_failed)
    if options.expires_ms is not None:
        found["expires_ms"] = options.expires_ms
    if options.siblings != "run":
        found["siblings"] = options.siblings
    if options.slot is not None:
        found["slot"] = (options.slot.schedule, options.slot.at)
    if options.dedup is not None:
        found["de"] = _dedup_out(options.dedup)
    return found


def _dedup_out(dedup: Dedup) -> dict[str, Any]:
    found: dict[str, Any] = {"id": dedup.key}
    if dedup.ttl_ms is not None:
        found["ttl"] = dedup.ttl_ms
    return found | {word: True for word, field in _DEDUP_FLAGS.items() if getattr(dedup, field)}


def _backoff_out(backoff: Backoff) -> dict[str, Any]:
    if isinstance(backoff, Custom):
        return {"type": backoff.name}
    found: dict[str, Any] = {"type": "fixed", "delay": backoff.delay_ms}
    if isinstance(backoff, Exponential):
        found["type"] = "exponential"
        if backoff.max_ms != DELAY_MAX_MS:
            found["max_ms"] = backoff.max_ms
    if backoff.jitter:
        found["jitter"] = backoff.jitter
    return found


def _keep_out(keep: Keep) -> bool | dict[str, Any]:
    if keep.count == 0:
        return True
    found: dict[str, Any] = {}
    if keep.count is not None:
        found["count"] = keep.count
    if keep.age_ms is not None:
        seconds, rest = divmod(keep.age_ms, 1000)
        found["age"] = keep.age_ms / 1000 if rest else seconds
    return found or False


@lru_cache(maxsize=4096)
def options_of(opts: str) -> Options:
    """The options that a field `opts` holds, ours or Node's. What cannot be read means the defaults."""
    try:
        read = _decoder.decode(opts)
    except msgspec.MsgspecError:
        return Options()
    return Options(
        attempts=max(1, int(read.attempts)),
        backoff=_backoff_in(read.backoff),
        timeout_ms=read.timeout_ms,
        max_stalled=read.max_stalled,
        lifo=bool(read.lifo),
        keep_completed=_keep_in(read.remove_on_complete),
        keep_failed=_keep_in(read.remove_on_fail),
        dedup=_dedup_in(read.de),
        slot=None if read.slot is None else Slot(*read.slot),
        expires_ms=read.expires_ms,
        siblings=read.siblings,
    )


def _dedup_in(found: dict[str, Any] | None) -> Dedup | None:
    if found is None or not isinstance(found.get("id"), str):
        return None
    flags = {field: bool(found.get(word)) for word, field in _DEDUP_FLAGS.items()}
    return Dedup(found["id"], int(_number(found.get("ttl"))) or None, **flags)


def _backoff_in(found: float | dict[str, Any] | None) -> Backoff | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        return Fixed(int(found))
    delay_ms, jitter = int(_number(found.get("delay"))), float(_number(found.get("jitter")))
    match found.get("type"):
        case "fixed":
            return Fixed(delay_ms, jitter)
        case "exponential":
            return Exponential(delay_ms, jitter, int(_number(found.get("max_ms"))) or DELAY_MAX_MS)
        case str(name):
            return Custom(name)
        case _:
            return None


def _keep_in(found: bool | float | dict[str, Any] | None) -> Keep | None:
    match found:
        case None:
            return None
        case True:
            return Keep(count=0)
        case False:
            return Keep()
        case dict():
            count, age_s = found.get("count"), found.get("age")
            return Keep(
                count=_bound(count) if count is not None else None,
                age_ms=int(_number(age_s) * 1000) if age_s is not None else None,
            )
        case number:
            return Keep(count=_bound(number))


def _bound(count: object) -> int | None:
    """BullMQ writes -1 for without bound."""
    number = int(_number(count))
    return number if number >= 0 else None


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
