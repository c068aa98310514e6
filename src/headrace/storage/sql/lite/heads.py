"""The head of a queue: its counters, read once a transaction, changed in memory, written back when flushed."""

from functools import lru_cache
from typing import Any, Final

import apsw
import msgspec

from headrace.core.jobs import STATES, State
from headrace.core.limits import Limits, Starts
from headrace.core.topics import job_events
from headrace.storage.sql.script import load

NUMBER_BITS: Final = 40  # a key is the queue's number and, in the low 40 bits, the job's own
NUMBER_MASK: Final = (1 << NUMBER_BITS) - 1
SQL: Final = load("ledger")
starts_of: Final = msgspec.json.Decoder(Starts).decode


@lru_cache(maxsize=256)
def limits_of(text: str) -> Limits:
    """Stored limits; the same text gives the same value, decoded once."""
    return msgspec.json.decode(text, type=Limits)


class Head:
    """One queue inside one transaction. `counts` is by state; `base` plus a job's number is the job's key."""

    __slots__ = (
        "back",
        "base",
        "channel",
        "counts",
        "first",
        "front",
        "id",
        "is_changed",
        "is_forgotten",
        "is_paused",
        "is_woken",
        "last",
        "limits",
        "member",
        "minute",
        "name",
        "number",
        "resting_until",
        "starts",
        "tally",
        "wakes",
    )

    def __init__(self, row: tuple[Any, ...]) -> None:
        (self.id, self.name, self.channel, is_paused, self.resting_until, self.number, self.back, self.front) = row[:8]
        self.wakes: int = row[8]
        self.counts: dict[State, int] = dict(zip(STATES, row[9:16], strict=True))
        self.first: int = row[16]
        self.last: int = row[17]
        self.is_forgotten = bool(row[18])
        self.minute: int = row[19]  # the last one in which a job finished, and what did
        self.tally: str | None = row[20]
        self.set_limits(row[21], row[22])
        self.is_paused = bool(is_paused)
        self.base: int = self.id << NUMBER_BITS
        self.is_changed = False  # to be written back
        self.is_woken = False  # there may be something new to claim

    def set_limits(self, limits: str | None, starts: str | None) -> None:
        """What `configure` has stored; `member` of the data tells jobs apart where keys have limits."""
        self.limits: Limits | None = None if limits is None else limits_of(limits)
        self.starts: Starts = () if starts is None else starts_of(starts)
        per_key = self.limits.per_key if self.limits is not None else None
        self.member: str | None = next(iter(per_key), None) if per_key else None

    def fields(self) -> tuple[int | str | None, ...]:
        """What is written back, in the order of the step `save_head`."""
        return (
            self.is_paused,
            self.resting_until,
            self.number,
            self.back,
            self.front,
            self.wakes,
            *self.counts.values(),
            self.first,
            self.last,
            self.is_forgotten,
            self.minute,
            self.tally,
            self.id,
        )


def find_head(db: apsw.Connection, name: str) -> Head | None:
    """The head of the queue of this name."""
    row = db.execute(SQL.head, {"name": name}).fetchone()
    return None if row is None else Head(row)


def numbered_head(db: apsw.Connection, number: int) -> Head:
    """The head of the queue of this number, which some key names."""
    row = db.execute(SQL.head_of, {"id": number}).fetchone()
    assert row is not None
    return Head(row)


def make_head(db: apsw.Connection, name: str) -> Head:
    """The head of a queue that is made now, or was forgotten before."""
    channel = job_events(name)
    db.execute(SQL.make_channel, {"name": channel})
    db.execute(SQL.make_queue, {"name": name, "channel": channel})
    head = find_head(db, name)
    assert head is not None
    return head
