"""What Settle counts for Tally, on SQLite: gathered over a transaction, then added to the tally in the queue's head."""

from typing import Final

import apsw
import msgspec

from headrace.core.tallies import BUCKETS, MINUTE_MS, TALLY_NAMES_MAX
from headrace.storage.sql.lite.heads import Head
from headrace.storage.sql.script import load

SQL: Final = load("tally")


class Sums(msgspec.Struct, array_like=True):
    """What is stored of a task and minute; buckets as far as they are needed."""

    completed: int = 0
    failed: int = 0
    waits: list[int] = []
    runs: list[int] = []


class Counts:
    """What a transaction has counted of one task: the outcomes, and the bucket of each span."""

    __slots__ = ("completed", "failed", "runs", "waits")

    def __init__(self) -> None:
        self.completed = self.failed = 0
        self.waits: list[int] = []
        self.runs: list[int] = []


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Sums]).decode


def add(db: apsw.Connection, now: int, head: Head, counted: dict[str, Counts]) -> None:
    """Add what was counted to the tally of this minute; that of a minute before goes into the table."""
    minute = now // MINUTE_MS
    if head.minute != minute:
        if head.tally is not None:
            db.execute(SQL.put, {"queue": head.id, "minute": head.minute, "tally": head.tally})
        row = db.execute(SQL.take, {"queue": head.id, "minute": minute}).fetchall()
        head.minute, head.tally = minute, str(row[0][0]) if row else None
    tally = _decode(head.tally) if head.tally is not None else {}
    for name, counts in counted.items():
        if name not in tally:
            name = _name(tally, name)
        sums = tally[name]
        sums.completed += counts.completed
        sums.failed += counts.failed
        _count(sums.waits, counts.waits)
        _count(sums.runs, counts.runs)
    head.tally = _encode(tally).decode()
    head.is_changed = True


def read(text: str) -> dict[str, Sums]:
    """A stored tally by task name, with all buckets."""
    tally = _decode(text)
    for sums in tally.values():
        for counts in (sums.waits, sums.runs):
            counts += [0] * (BUCKETS - len(counts))
    return tally


def _name(tally: dict[str, Sums], name: str) -> str:
    """The name under which a task new to the minute is counted; its sums are made."""
    if len(tally) - ("" in tally) >= TALLY_NAMES_MAX:
        name = ""
    tally.setdefault(name, Sums())
    return name


def _count(counts: list[int], buckets: list[int]) -> None:
    for bucket in buckets:
        if bucket >= len(counts):
            counts += [0] * (bucket + 1 - len(counts))
        counts[bucket] += 1
