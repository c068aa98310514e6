"""Limits on SQLite: whom an Add refuses, how many jobs a Claim may take, and which are next where keys take turns.

How many jobs of a queue or a key run is counted from the leases, each time anew, so that no place is ever lost. How
many of a queue wait is in its head, which changes in the transaction that changes its jobs; of a key they are counted.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any, Final

from headrace.core.errors import QueueFull
from headrace.core.jobs import NewJob
from headrace.core.limits import Capacity, admits, key_of, left, queue_full, startable, started
from headrace.storage.sql.lite.heads import NUMBER_MASK, Head
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

SQL: Final = load("turns")
CLAIM: Final = load("claim")
NO_KEY: Final = ""


def stored_key(member: str, data: str) -> str:
    """What tells a job apart as it is stored; also a function of SQL."""
    key = key_of(member, data)
    return NO_KEY if key is None else f"={key}"


def are_limited(ledger: Ledger, jobs: Iterable[NewJob]) -> bool:
    """Whether a queue of these jobs has limits."""
    for queue in {job.queue for job in jobs}:
        head = ledger.head(queue)
        if head is not None and head.limits is not None:
            return True
    return False


def refusal(ledger: Ledger, jobs: Collection[NewJob]) -> QueueFull | None:
    """Why these jobs, all of them new, cannot be added. Everything is written that came before them."""
    if not are_limited(ledger, jobs):
        return None
    by_queue = Counter(job.queue for job in jobs)
    by_key = Counter((job.queue, _key(ledger, job)) for job in jobs)
    for (name, key), jobs_of_key in by_key.items():
        head = ledger.head(name)
        if head is None or head.limits is None:
            continue
        limits, counts = head.limits, head.counts
        waiting = counts["waiting"] + counts["prioritized"] + counts["delayed"] + counts["waiting-children"]
        of_queue = Capacity(limits.concurrency, limits.max_waiting)
        if not admits(of_queue, _running(ledger, head), waiting, by_queue[name]):
            return queue_full(name, limits.max_waiting or 0)
        for member, capacity in (limits.per_key or {}).items():
            if key is None or key == NO_KEY or capacity.waiting is None:
                continue
            running, unfinished = ledger.row(SQL.of_key, {"queue": head.id, "key": key})
            if not admits(capacity, running, unfinished - running, jobs_of_key):
                return queue_full(name, capacity.waiting, member, key[1:])
    return None


def free(ledger: Ledger, head: Head) -> int:
    """How many jobs more may run at once."""
    return left(head.limits.concurrency if head.limits else None, _running(ledger, head))


def claimable(ledger: Ledger, head: Head) -> int:
    """How many jobs may be claimed now, as far as the limits of the whole queue go."""
    return min(free(ledger, head), startable(head.limits.rate if head.limits else None, head.starts, ledger.now))


def _running(ledger: Ledger, head: Head) -> int:
    """How many jobs of a queue run; 0 where nothing depends on it."""
    if head.limits is None or head.limits.concurrency is None:
        return 0
    count: int = ledger.row(SQL.active, {"base": head.base, "last": head.base + NUMBER_MASK})[0]
    return count


def note_starts(ledger: Ledger, head: Head, count: int) -> None:
    """Jobs were leased: the rate counts them."""
    if head.limits is not None and head.limits.rate is not None and count:
        head.starts = started(head.limits.rate, head.starts, ledger.now, count)
        ledger.run(CLAIM.starts, {"id": head.id, "starts": as_json(head.starts)})


def in_turn(ledger: Ledger, head: Head, names: str | None, limit: int) -> list[int]:
    """The keys of the next jobs where the limits per key say that these take turns."""
    assert head.limits is not None
    assert head.limits.per_key is not None
    (capacity,) = head.limits.per_key.values()
    ledger.flush_places()  # another source of the same Claim may have taken jobs of this queue
    queue = {"queue": head.id}
    running: Counter[str] = Counter(
        dict(ledger.rows(SQL.running, {"base": head.base, "last": head.base + NUMBER_MASK}))
    )
    lines = ledger.rows(SQL.lines, queue | {"names": names})
    turns = _turns(ledger, head, {line[0] for line in lines})
    row: Any
    heap = [_turn(turns, *row) for row in lines if row[3] is not None]
    heapify(heap)
    taken: list[int] = []
    given: dict[str, int] = {}
    while heap and len(taken) < limit:
        _, _, key, priority, position, job = heappop(heap)
        if key != NO_KEY and not left(capacity.running, running[key]):
            continue
        taken.append(job)
        running[key] += 1
        head.back += 1
        given[key] = turns[key] = head.back
        place = {"key": key, "priority": priority, "position": position, "names": names}
        for row in ledger.rows(SQL.following, queue | place):
            heappush(heap, _turn(turns, key, *row))
    if given:
        ledger.run(SQL.take_turns, queue | {"rows": as_json(list(given.items()))})
    return taken


def forget_turns(ledger: Ledger, head: Head) -> None:
    """Nothing of this queue is claimed now: keys of which no job is ready lose their last turns all the same."""
    ledger.flush_places()
    _turns(ledger, head, {line[0] for line in ledger.rows(SQL.lines, {"queue": head.id, "names": None})})


def _turn(
    turns: Mapping[str, int], key: str, priority: int, position: int, job: int
) -> tuple[int, int, str, int, int, int]:
    """When a job is next: what sorts first is its priority, then since when its key waits for a turn."""
    return priority, max(position, turns.get(key, position)), key, priority, position, job


def _turns(ledger: Ledger, head: Head, standing: Collection[str]) -> dict[str, int]:
    """The last turns of keys that have jobs ready; the others are forgotten."""
    turns = dict(ledger.rows(SQL.turns, {"queue": head.id}))
    gone = [key for key in turns if key not in standing]
    if gone:
        ledger.run(SQL.forget_turns, {"queue": head.id, "keys": as_json(gone)})
    return {key: turn for key, turn in turns.items() if key in standing}


def _key(ledger: Ledger, job: NewJob) -> str | None:
    head = ledger.head(job.queue)
    return stored_key(head.member, job.data) if head is not None and head.member is not None else None
