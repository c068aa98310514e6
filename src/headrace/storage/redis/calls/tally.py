"""Tally: the hashes in which Settle counts what finishes, a minute each."""

from typing import Any, Final

from headrace.core.commands import Tallied, Tally, TallyRecord
from headrace.core.tallies import BUCKETS, MINUTE_MS
from headrace.storage.redis.call import Call
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word


def tally(command: Tally, _: Keys) -> tuple[Word, ...]:
    return command.queue or "", command.minutes


def tallied(_: Tally, reply: Any, __: Keys) -> Tallied:
    now, minutes = reply
    minutes.sort(key=lambda each: each[:2])
    records = [one for queue, minute, flat in minutes for one in _records(queue, minute * MINUTE_MS, flat)]
    return Tallied(tuple(records), (now // MINUTE_MS + 1) * MINUTE_MS, now)


def _records(queue: str, at: int, flat: list[str]) -> list[TallyRecord]:
    sums: dict[str, list[list[int]]] = {}  # by name: completed, failed, and both by their buckets
    for field, count in zip(flat[::2], flat[1::2], strict=True):
        number, is_sum, name = field.partition(" ")
        if is_sum and number.isdigit():
            of_name = sums.setdefault(name, [[0, 0], [0] * BUCKETS, [0] * BUCKETS])
            target, buckets = divmod(int(number), BUCKETS * BUCKETS)
            waited, ran = divmod(buckets, BUCKETS)
            for counts, place in zip(of_name, (target, waited, ran), strict=True):
                counts[place] += int(count)
    return [
        TallyRecord(at, name, done, failed, tuple(waits), tuple(runs), queue)
        for name, ((done, failed), waits, runs) in sorted(sums.items())
    ]


CALLS: Final[dict[type, Call]] = {Tally: Call("tally", tally, tallied)}
