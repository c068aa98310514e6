"""The ledger of a transaction: what its commands put into places and logs, gathered and written in few statements.

Rows wait in lists until `flush`; whoever reads tables that the ledger writes flushes first. Rows of one kind go to
SQLite as one JSON array: a set-based statement a table, whatever the number of rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from headrace.core import topics
from headrace.core.jobs import Cause, Failure, Options, State
from headrace.core.lifecycle import deadline
from headrace.core.log import EVENTS_MAX, EVENTS_SLACK, Change, Happening
from headrace.storage.sql.lite import tallies
from headrace.storage.sql.lite.heads import NUMBER_BITS, SQL, Head, find_head, make_head, numbered_head
from headrace.storage.sql.script import load

DEADLINES: Final = load("deadlines")
TURNS: Final = load("turns")

_encode: Final = msgspec.json.Encoder().encode


def as_json(rows: object) -> str:
    """Rows as the JSON text that a step takes."""
    return _encode(rows).decode()


@lru_cache(maxsize=256)
def change(state: Happening, was: State | None, cause: Cause | None = None) -> str:
    """The body of a job event; there are few different ones."""
    return as_json(Change(state, was, cause))


class Carried(NamedTuple):
    """What a job carries from place to place."""

    priority: int
    made: int
    started: int
    stalls: int


class Ledger:
    """All that one transaction has changed and not yet written."""

    def __init__(self, db: apsw.Connection, now: int) -> None:
        self.db = db
        self.now = now
        self.moved: set[str] = set()  # topics, for waking after the commit
        self._heads: dict[str, Head] = {}
        self._ready: list[tuple[int, ...]] = []
        self._delayed: list[tuple[int, ...]] = []
        self._deferred: list[tuple[int, str]] = []
        self._deadlines: list[tuple[int, int]] = []
        self._keyed: dict[int, tuple[Head, set[int]]] = {}
        self._tallied: dict[int, tuple[Head, dict[str, tallies.Counts]]] = {}
        self._events: dict[int, tuple[Head, list[tuple[str, str]]]] = {}
        self.pending_adds: Any = None  # the rows of Adds that were merged; written by the next flush
        self.is_alone = False  # the group failed: commands run one a transaction, with every guard

    # -- statements -----------------------------------------------------------------------------------------

    def run(self, sql: str, step: Mapping[str, Any] | tuple[Any, ...]) -> None:
        """Run a step that gives no rows."""
        self.db.execute(sql, step)

    def rows(self, sql: str, step: Mapping[str, Any]) -> list[Any]:
        """The rows of a step."""
        return self.db.execute(sql, step).fetchall()

    def row(self, sql: str, step: Mapping[str, Any]) -> Any:
        """The first row of a step, or None."""
        return self.db.execute(sql, step).fetchone()

    # -- queues ---------------------------------------------------------------------------------------------

    def head(self, queue: str) -> Head | None:
        """The head of a queue, if there is such a queue."""
        head = self._heads.get(queue)
        if head is None:
            head = find_head(self.db, queue)
            if head is not None:
                self._heads[queue] = head
        return head

    def made_head(self, queue: str) -> Head:
        """The head of a queue, which is made if need be."""
        head = self.head(queue)
        if head is None:
            head = self._heads[queue] = make_head(self.db, queue)
        elif head.is_forgotten:
            head.is_forgotten, head.is_changed = False, True
        return head

    def head_of(self, key: int) -> Head:
        """The head of the queue of a job."""
        number = key >> NUMBER_BITS
        for head in self._heads.values():
            if head.id == number:
                return head
        found = numbered_head(self.db, number)
        return self._heads.setdefault(found.name, found)

    def forget_heads(self) -> None:
        """Read the queues anew; whoever changes them by a statement of its own says so here, after a flush."""
        self._heads.clear()

    # -- transitions ----------------------------------------------------------------------------------------

    def leave(self, head: Head, state: State, count: int = 1) -> None:
        """Jobs left a state."""
        head.counts[state] -= count
        head.is_changed = True
        if state == "active" and head.limits is not None and (head.counts["waiting"] or head.counts["prioritized"]):
            head.is_woken = True  # a limit may have been in the way of these

    def enter(self, head: Head, state: State, count: int = 1) -> None:
        """Jobs entered a state that has a table of the command's own."""
        head.counts[state] += count
        head.is_changed = True

    def enter_ready(self, head: Head, key: int, carried: tuple[int, int, int, int], *, is_front: bool = False) -> State:
        """A job entered `waiting` or `prioritized`; which one is the answer."""
        if is_front:
            head.front -= 1
            position = head.front
        else:
            head.back += 1
            position = head.back
        priority, made, started, stalls = carried
        self._ready.append((head.id, priority, position, key, made, started, stalls))
        if head.member is not None:
            self.rekey(head, (key,))
        state: State = "prioritized" if priority else "waiting"
        head.counts[state] += 1
        head.is_woken = True
        return state

    def enter_delayed(self, head: Head, key: int, carried: tuple[int, int, int, int], due_at: int) -> None:
        """A job entered `delayed`."""
        head.back += 1
        self._delayed.append((head.id, due_at, head.back, key, *carried))
        if head.member is not None:
            self.rekey(head, (key,))
        head.counts["delayed"] += 1
        head.is_woken = True

    def rekey(self, head: Head, keys: Iterable[int]) -> None:
        """Jobs of a queue with limits per key came, moved or went; no matter for any other queue."""
        if head.member is not None:
            self._keyed.setdefault(head.id, (head, set()))[1].update(keys)

    def event(
        self, head: Head, job_id: str, state: Happening, was: State | None = None, cause: Cause | None = None
    ) -> None:
        """A transition, for the log of the queue."""
        self.events(head).append((job_id, change(state, was, cause)))

    def events(self, head: Head) -> list[tuple[str, str]]:
        """The events of a queue that are not yet written, as (job id, body); hot loops append themselves."""
        gathered = self._events.get(head.id)
        if gathered is None:
            gathered = self._events[head.id] = (head, [])
        return gathered[1]

    def counts(self, head: Head, name: str) -> tallies.Counts:
        """Where the jobs of a task that finish are counted."""
        tallied = self._tallied.get(head.id)
        if tallied is None:
            tallied = self._tallied[head.id] = (head, {})
        counts = tallied[1].get(name)
        if counts is None:
            counts = tallied[1][name] = tallies.Counts()
        return counts

    def defer(self, key: int, failure: Failure) -> None:
        """A job's next claim is to settle it as failed for this reason."""
        self._deferred.append((key, as_json(msgspec.structs.replace(failure, at=self.now))))

    def watch(self, key: int, options: Options) -> None:
        """A job is added that has a deadline; see `lite.deadlines`."""
        at = deadline(options, self.now)
        if at is not None:
            self._deadlines.append((at, key))

    def signal(self, topic: str) -> None:
        """A topic that has no counter of its own has moved."""
        self.run(SQL.signal, {"topic": topic})
        self.moved.add(topic)

    # -- writing --------------------------------------------------------------------------------------------

    def flush_places(self) -> None:
        """Write where jobs are: enough for a command that reads no events and no counters."""
        if self.pending_adds is not None:
            adds, self.pending_adds = self.pending_adds, None
            adds.write(self)
        self._write(SQL.ready, self._ready)
        self._write(SQL.delayed, self._delayed)
        self._write(SQL.defer, self._deferred)
        self._write(DEADLINES.watch, self._deadlines)
        for head, keys in self._keyed.values():
            jobs = as_json(list(keys))
            self.run(TURNS.unkey, {"jobs": jobs})
            self.run(TURNS.key, {"jobs": jobs, "queue": head.id, "member": head.member})
        self._keyed.clear()

    def flush(self) -> None:
        """Write everything that was gathered."""
        self.flush_places()
        for head, counted in self._tallied.values():
            tallies.add(self.db, self.now, head, counted)
        self._tallied.clear()
        for head, rows in self._events.values():
            self.append(head, len(rows), SQL.events, {"rows": as_json(rows)})
        self._events.clear()
        for head in self._heads.values():
            if head.is_woken:
                head.wakes += 1
                self.moved.add(topics.ready(head.name))
            if head.is_woken or head.is_changed:
                self.run(SQL.save_head, head.fields())
                head.is_woken = head.is_changed = False

    def insert(self, sql: str, rows: Sequence[object]) -> None:
        """Run a step over rows, unless there are none."""
        if rows:
            self.run(sql, {"rows": as_json(rows), "now": self.now})

    def _write(self, sql: str, rows: list[Any]) -> None:
        if rows:
            self.run(sql, {"rows": as_json(rows), "now": self.now})
            rows.clear()

    def append(self, head: Head, count: int, sql: str, step: Mapping[str, object]) -> None:
        """Append `count` events to the log of a queue by a step that begins at the position `first`."""
        own = {"channel": head.channel, "first": head.last + 1, "now": self.now}
        self.run(sql, {**own, **step})
        head.last += count
        if head.last - head.first + 1 > EVENTS_MAX + EVENTS_SLACK:
            head.first = head.last - EVENTS_MAX + 1
            self.run(SQL.trim, {"channel": head.channel, "first": head.first})
        head.is_changed = True
        self.moved.add(topics.log(topics.job_events(head.name)))


def stamped(ledger: Ledger, failure: Failure) -> str:
    """A failure as it is stored, with the time of this transaction."""
    return as_json(msgspec.structs.replace(failure, at=ledger.now))
