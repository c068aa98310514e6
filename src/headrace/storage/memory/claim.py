"""Claim: hand out what is ready, after promoting what is due."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from headrace.core.commands import Claim, Claimed, Source
from headrace.core.jobs import Lease
from headrace.core.lifecycle import expiry
from headrace.core.limits import startable_at, started
from headrace.storage.memory import kin, limits
from headrace.storage.memory.places import leave, to_active, to_ready
from headrace.storage.memory.world import Job, Queue, World

PROMOTE_MAX: Final = 1_000  # jobs of one queue promoted by one Claim


def claim(world: World, command: Claim, now: int) -> Claimed:
    for name in dict.fromkeys(source.queue for source in command.sources):
        if name in world.queues:
            _promote(world, world.queues[name], now)
    leases: list[Lease] = []
    for source in command.sources:
        queue = world.queues.get(source.queue)
        if queue and not queue.is_paused and queue.resting_until <= now:
            most = min(command.limit - len(leases), limits.claimable(queue, now))
            next_ones = limits.in_turn(queue, _ready(queue, source), most)
            leases += [_lease(world, job, command, now) for job in next_ones]
            if next_ones and queue.limits.rate:
                queue.starts = started(queue.limits.rate, queue.starts, now, len(next_ones))
    is_full = len(leases) >= command.limit
    return Claimed(tuple(leases), None if is_full else _wait_ms(world, command.sources, now))


def _promote(world: World, queue: Queue, now: int) -> None:
    due = [job for job in islice(queue.orders["delayed"], PROMOTE_MAX) if job.due_at is not None and job.due_at <= now]
    for job in due:
        to_ready(world, job, now, leave(world, job))


def _ready(queue: Queue, source: Source) -> Iterator[Job]:
    """The jobs this source may have, in order. One with a deferred failure needs no handler: its name is no matter."""
    names = source.names
    for job in chain(queue.orders["waiting"], queue.orders["prioritized"]):
        if names is None or job.new.name in names or job.failure:
            yield job


def _lease(world: World, job: Job, command: Claim, now: int) -> Lease:
    was = leave(world, job)
    late = expiry(job.options, job.added_at, job.attempts_started, now)
    if late:
        kin.defer(job, late, now)
    job.token, job.worker = command.token, command.worker
    job.attempts_started += 1
    to_active(world, job, now, was, now + command.lease_ms)
    return Lease(
        queue=job.ref.queue,
        id=job.ref.id,
        token=command.token,
        name=job.new.name,
        data=job.data,
        options=job.options,
        priority=job.priority,
        added_at=job.added_at,
        attempts_made=job.attempts_made,
        attempts_started=job.attempts_started,
        stalls=job.stalls,
        deferred=job.failure,
        parent=job.parent_ref,
        waited_ms=max(now - job.ready_at, 0),
    )


def _wait_ms(world: World, sources: tuple[Source, ...], now: int) -> int | None:
    """The time until one of these queues may have something without a new arrival, or the end of a running job.

    A paused one never has, nor one that runs as many as it may: whoever ends then wakes.
    """
    instants: list[int] = []
    for source in sources:
        queue = world.queues.get(source.queue)
        if queue is None or queue.is_paused:
            continue
        rate = queue.limits.rate
        if queue.resting_until > now:
            instants.append(queue.resting_until)
        elif not limits.free(queue):
            continue
        elif rate and not limits.claimable(queue, now):
            instants.append(startable_at(rate, queue.starts, now))
        else:
            instants += [job.due_at for job in islice(queue.orders["delayed"], 1) if job.due_at is not None]
    return max(min(instants) - now, 0) if instants else None
