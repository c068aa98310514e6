"""Tally: the hashes in which Settle counts what finishes, a minute each."""

from typing import Any, Final

from headrace.core.commands import Tallied, Tally, TallyRecord
from headrace.core.tallies import BUCKETS, MINUTE_MS
from headrace.storage.redis.call import Call
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.link import Word


def tally(command: Tally, _: Keys) -> tuple[Word, ...]:
    return command.queue or "", command.minutes


def tallied(_: Tally, reply: Any, __: Keys) -> Tallied:
    now, minutes = reply
    minutes.sort(key=lambda each: each[:2])
    records = [one for queue, minute, flat in minutes for one in _records(queue, minute * MINUTE_MS, flat)]
    return Tallied(tuple(records), (now // MINUTE_MS + 1) * MINUTE_MS, now)


def _records(queue: str, at: int, flat: list[str]) -> list[TallyRecord]:
    fields = {field: int(count) for field, count in zip(flat[::2], flat[1::2], strict=True)}
    names = sorted(field[1:] for field in fields if field[0] == "c")
    return [
        TallyRecord(
            at,
            name,
            fields[f"c{name}"],
            fields.get(f"f{name}", 0),
            _buckets(fields, "w", name),
            _buckets(fields, "r", name),
            queue,
        )
        for name in names
    ]


def _buckets(fields: dict[str, int], kind: str, name: str) -> tuple[int, ...]:
    return tuple(fields.get(f"{kind}{bucket} {name}", 0) for bucket in range(BUCKETS))


CALLS: Final[dict[type, Call]] = {Tally: Call("tally", tally, tallied)}
