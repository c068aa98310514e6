"""Settle: record outcomes, each guarded by the token of its lease.

First every job moves, in the order of the command. Then parents hear of the completed children, then of the failed
ones; then those are released that wait for nothing; then dedup keys are free and what was kept for it is added; then
retention has its due. A store may so work set by set.
"""

from msgspec.structs import replace

from headrace.core.commands import Settle, Settled, Settlement
from headrace.core.commands.jobs import UNTOLD
from headrace.core.errors import LeaseLost, Refused
from headrace.core.jobs import FINISHED, HISTORY_MAX, JobRef
from headrace.storage.memory import dedup, kin
from headrace.storage.memory.ending import fail, retain, tell_failed
from headrace.storage.memory.places import leave, to_children, to_delayed, to_finished, to_ready
from headrace.storage.memory.remove import drop
from headrace.storage.memory.storing import store
from headrace.storage.memory.tally import count
from headrace.storage.memory.world import Job, World


def settle(world: World, command: Settle, now: int) -> Settled:
    refusals: list[Refused | None] = []
    settled: list[tuple[Job, Settlement]] = []
    hurried: set[Job] = set()
    for settlement in command.settlements:
        job = leased(world, JobRef(settlement.queue, settlement.id), settlement.token)
        if job is None:
            refusals.append(LeaseLost(queue=settlement.queue, id=settlement.id))
            continue
        refusals.append(None)
        settled.append((job, settlement))
        hurried |= {job} if job.is_hurried else set()
        _record(world, job, settlement, now)
        if settlement.to in FINISHED:
            assert job.started_at is not None
            ran_ms = now - job.started_at
            count(world.queues[job.ref.queue], settlement.name, settlement.to, settlement.waited_ms, ran_ms, now)
        _move(world, job, settlement, now)
    completed = [job for job, settlement in settled if settlement.to == "completed"]
    drop(world, kin.tell_completed(world, kin.ties_of(world, completed), now), now)
    tell_failed(world, [job for job, settlement in settled if settlement.to == "failed"], now)
    for job, settlement in settled:
        if settlement.to == "waiting-children":
            is_hurried = job in hurried
            kin.release(world, job, now, is_hurried=is_hurried, delay_ms=0 if is_hurried else settlement.delay_ms)
    finished = [job for job, settlement in settled if settlement.to in FINISHED and settlement.has_dedup]
    store(world, dedup.finish(world, finished), now)
    for job, settlement in settled:
        if settlement.to in FINISHED:  # another may have been cancelled since, by a sibling that failed here
            retain(world, job, settlement.keep, now)
    return Settled(tuple(refusals))


def leased(world: World, ref: JobRef, token: str) -> Job | None:
    """The job, if this token still holds it. A lease that ended but was not recovered still holds."""
    job = world.job(ref)
    return job if job and job.token == token else None


def _record(world: World, job: Job, settlement: Settlement, now: int) -> None:
    job.attempts_made += settlement.is_counted
    failure = settlement.failure
    if failure and failure.attempt:
        job.failures = (*job.failures, replace(failure, at=now))[-HISTORY_MAX:]
    if settlement.rest_ms:
        queue = world.queues[settlement.queue]
        queue.resting_until = max(queue.resting_until, now + settlement.rest_ms)


def _move(world: World, job: Job, settlement: Settlement, now: int) -> None:
    match settlement.to:
        case "completed":
            job.result, job.failure = settlement.result, None
            to_finished(world, job, now, "completed")
        case "failed":
            fail(world, job, settlement.failure or UNTOLD, now)
        case "delayed":
            to_delayed(world, job, now, leave(world, job), settlement.delay_ms)
        case "waiting":
            to_ready(world, job, now, leave(world, job), is_front=settlement.is_front)
        case "waiting-children":
            to_children(world, job, now, leave(world, job))
