"""Tally: what finished in each minute, counted by Settle."""

from headrace.core.commands import Tallied, Tally, TallyRecord
from headrace.core.commands.jobs import Target
from headrace.core.tallies import (
    BUCKETS,
    MINUTE_MS,
    TALLIES_FORGOTTEN_MAX,
    TALLIES_KEPT_MINUTES,
    TALLY_NAMES_MAX,
    bucket,
    first_minute,
)
from headrace.storage.memory.world import Queue, Sums, World


def tally(world: World, command: Tally, now: int) -> Tallied:
    names = sorted(world.queues) if command.queue is None else {command.queue} & world.queues.keys()
    first = first_minute(now, command.minutes)
    return Tallied(
        tuple(
            _record(queue, minute, name, sums)
            for queue in map(world.queues.__getitem__, names)
            for minute in sorted(queue.tallies)
            if minute >= first
            for name, sums in sorted(queue.tallies[minute].items())
        ),
        (now // MINUTE_MS + 1) * MINUTE_MS,
        now,
    )


def count(queue: Queue, name: str, to: Target, waited_ms: int, ran_ms: int, now: int) -> None:
    """Count a job that is about to finish."""
    sums = _sums(queue, now // MINUTE_MS, name)
    if to == "completed":
        sums.completed += 1
    else:
        sums.failed += 1
    sums.waits[bucket(waited_ms)] += 1
    sums.runs[bucket(ran_ms)] += 1


def forget_old(world: World, now: int) -> None:
    """Forget minutes that are kept no longer, the oldest of each queue first, TALLIES_FORGOTTEN_MAX of all."""
    first = first_minute(now, TALLIES_KEPT_MINUTES)
    queues = sorted(world.queues.values(), key=lambda queue: world.queue_numbers[queue.name])
    old = [(queue, minute) for queue in queues for minute in sorted(queue.tallies) if minute < first]
    for queue, minute in old[:TALLIES_FORGOTTEN_MAX]:
        del queue.tallies[minute]


def _record(queue: Queue, minute: int, name: str, sums: Sums) -> TallyRecord:
    waits, runs = tuple(sums.waits), tuple(sums.runs)
    return TallyRecord(minute * MINUTE_MS, name, sums.completed, sums.failed, waits, runs, queue.name)


def _sums(queue: Queue, minute: int, name: str) -> Sums:
    tally = queue.tallies.setdefault(minute, {})
    if name not in tally and len(tally) - ("" in tally) >= TALLY_NAMES_MAX:
        name = ""
    return tally.setdefault(name, Sums(0, 0, [0] * BUCKETS, [0] * BUCKETS))
