"""Queues, Configure, Forget.

The limits of a queue stand in its `meta`, also those that BullMQ does not know: who claims finds all in one place.
Retention stands beside it.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from headrace.core.commands import Configure, Configured, DedupRecord, Forget, Forgotten, QueueList, QueueRecord, Queues
from headrace.core.errors import NoSuchQueue, QueueNotEmpty, Refused
from headrace.core.jobs import STATES, JobRef, Keep, State
from headrace.core.limits import Capacity, Limits, Rate
from headrace.storage.redis.call import Call, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word

_KEEPS: Final[dict[State, str]] = {"completed": "keep_completed", "failed": "keep_failed"}

_json: Final = msgspec.json.Encoder().encode
_keep: Final = msgspec.json.Decoder(Keep)
_per_key: Final = msgspec.json.Decoder(dict[str, Capacity])


def queues(command: Queues, _: Keys) -> tuple[Word, ...]:
    names = "" if command.names is None else pack(list(dict.fromkeys(command.names)))
    return (names,) if command.dedup is None else (names, command.dedup)


def queue_list(_: Queues, reply: Any, __: Keys) -> QueueList:
    return QueueList(tuple(sorted(map(_record, reply), key=lambda queue: queue.name)))


def configure(command: Configure, _: Keys) -> tuple[Word, ...]:
    meta: dict[str, object] = {}
    if command.concurrency is not UNSET:
        meta["concurrency"] = command.concurrency
    if command.rate is not UNSET:
        meta["max"], meta["duration"] = (command.rate.most, command.rate.per_ms) if command.rate else (None, None)
    ours: dict[str, object] = {}
    for state, keep in command.keeps.items():
        ours[_KEEPS[state]] = None if keep == "default" else _json(keep).decode()
    if command.max_waiting is not UNSET:
        meta["hrmax"] = command.max_waiting
    if command.per_key is not UNSET:
        meta["hrkey"] = _json(command.per_key).decode() if command.per_key is not None else None
    paused = "" if command.is_paused is None else int(command.is_paused)
    return command.queue, paused, pack(_flat(meta)), pack(_flat(ours))


def configured(_: Configure, __: Any, ___: Keys) -> Configured:
    return Configured()


def forget(command: Forget, _: Keys) -> tuple[Word, ...]:
    return (command.queue,) if command.dedup is None else (command.queue, command.dedup)


def forgotten(command: Forget, reply: Any, _: Keys) -> Forgotten | Refused:
    match reply:
        case ["no-such-queue"]:
            return NoSuchQueue(queue=command.queue)
        case ["queue-not-empty"]:
            return QueueNotEmpty(queue=command.queue)
        case ["ok", str(owner)]:
            return Forgotten(JobRef(command.queue, owner))
        case _:
            return Forgotten()


def _flat(settings: dict[str, object]) -> list[list[str]]:
    """What is set, as names and texts in turn, and the names of what is taken away."""
    put = [word for name, value in settings.items() if value is not None for word in (name, str(value))]
    return [put, [name for name, value in settings.items() if value is None]]


def _record(found: list[Any]) -> QueueRecord:
    name, counts, meta, ours, resting_until, startable_at, oldest_ms, key = found
    paused, concurrency, most, per_ms, max_waiting, per_key = meta
    settings = dict(zip(ours[::2], ours[1::2], strict=True))
    return QueueRecord(
        name,
        paused is not None,
        dict(zip(STATES, counts, strict=True)),
        resting_until,
        {state: _keep.decode(settings[field]) for state, field in _KEEPS.items() if field in settings},
        oldest_ms,
        Limits(
            _integer(concurrency),
            _integer(max_waiting),
            Rate(int(most), int(per_ms)) if most and per_ms else None,
            None if per_key is None else _per_key.decode(per_key),
        ),
        startable_at,
        None if key is None else _dedup(name, *key),
    )


def _dedup(queue: str, owner: str, ends_at: int | None, is_forever: int, kept: int) -> DedupRecord:
    return DedupRecord(JobRef(queue, owner), ends_at, bool(is_forever), bool(kept))


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)


CALLS: Final[dict[type, Call]] = {
    Queues: Call("queues", queues, queue_list),
    Configure: Call("configure", configure, configured),
    Forget: Call("forget", forget, forgotten),
}
