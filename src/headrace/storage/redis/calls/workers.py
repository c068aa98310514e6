"""Beat, Leave, Workers. What a worker says of itself is stored as JSON, the instants of the store beside it."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from headrace.core.commands import Beat, Beaten, Leave, Left, WorkerList, WorkerRecord, Workers
from headrace.storage.redis.call import Call
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(WorkerRecord).decode


def beat(command: Beat, _: Keys) -> tuple[Word, ...]:
    return command.worker.id, command.ttl_ms, _encode(command.worker)


def beaten(_: Beat, __: Any, ___: Keys) -> Beaten:
    return Beaten()


def leave(command: Leave, _: Keys) -> tuple[Word, ...]:
    return (command.id,)


def left(_: Leave, reply: Any, __: Keys) -> Left:
    return Left(was_known=reply == 1)


def workers(_: Workers, __: Keys) -> tuple[Word, ...]:
    return ()


def living(_: Workers, reply: Any, __: Keys) -> WorkerList:
    now, rows = reply
    found = [
        replace(
            _decode(record),
            started_at=started_at,
            seen_at=seen_at,
            expires_at=expires_at,
            silent_ms=max(now - seen_at, 0),
        )
        for record, started_at, seen_at, expires_at in rows
    ]
    return WorkerList(tuple(sorted(found, key=lambda worker: worker.id)))


CALLS: Final[dict[type, Call]] = {
    Beat: Call("beat", beat, beaten),
    Leave: Call("leave", leave, left),
    Workers: Call("workers", workers, living),
}
