"""Settle: record outcomes, each guarded by the token of its lease."""

from headrace.core.commands import Settle, Settled, Settlement
from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.errors import LeaseLost, Refused
from headrace.core.jobs import HISTORY_MAX, Failure, JobRef, Keep, State
from headrace.storage.memory.kin import stamped, tell_completed, tell_failed
from headrace.storage.memory.places import leave, to_children, to_delayed, to_finished, to_ready
from headrace.storage.memory.remove import forget_job
from headrace.storage.memory.world import Job, World


def settle(world: World, command: Settle, now: int) -> Settled:
    return Settled(tuple(_settle(world, settlement, now) for settlement in command.settlements))


def leased(world: World, ref: JobRef, token: str) -> Job | None:
    """The job, if this token still holds it. A lease that ended but was not recovered still holds."""
    job = world.job(ref)
    return job if job and job.token == token else None


def fail(world: World, job: Job, failure: Failure, keep: Keep | None, now: int) -> None:
    """Finish a job as failed, tell its parent, and let retention have its due."""
    job.result = None
    job.failure = stamped(failure, now)
    job.is_cancel_requested = False
    to_finished(world, job, now, leave(world, job), "failed", failure.cause)
    tell_failed(world, job, now)
    _retain(world, job, keep, now)


def remember(job: Job, failure: Failure | None, now: int) -> None:
    if failure:
        job.failures = (*job.failures, stamped(failure, now))[-HISTORY_MAX:]


def _settle(world: World, settlement: Settlement, now: int) -> Refused | None:
    job = leased(world, JobRef(settlement.queue, settlement.id), settlement.token)
    if job is None:
        return LeaseLost(queue=settlement.queue, id=settlement.id)
    job.attempts_made += settlement.is_counted
    remember(job, settlement.failure, now)
    if settlement.rest_ms > 0:
        queue = world.queues[settlement.queue]
        queue.resting_until = max(queue.resting_until, now + settlement.rest_ms)
    match settlement.to:
        case "completed":
            _complete(world, job, settlement, now)
        case "failed":
            failure = settlement.failure or job.failure or Failure("failed")
            fail(world, job, failure, settlement.keep, now)
        case "waiting":
            to_ready(world, job, now, leave(world, job), is_front=settlement.is_front)
        case "delayed":
            to_delayed(world, job, now, leave(world, job), settlement.delay_ms)
        case "waiting-children":
            _await_children(world, job, now)
    return None


def _complete(world: World, job: Job, settlement: Settlement, now: int) -> None:
    job.result, job.failure = settlement.result, None
    job.is_cancel_requested = False
    to_finished(world, job, now, leave(world, job), "completed")
    tell_completed(world, job, now)
    _retain(world, job, settlement.keep, now)


def _await_children(world: World, job: Job, now: int) -> None:
    """Wait, unless there is nothing to wait for: no child is pending, or one has failed this parent already."""
    was = leave(world, job)
    if job.pending and not job.failure:
        to_children(world, job, now, was)
    else:
        to_ready(world, job, now, was, is_front=True)


def _retain(world: World, job: Job, keep: Keep | None, now: int) -> None:
    """Remove the oldest finished jobs of this queue and state that are beyond the bounds."""
    if keep is None:
        return
    state: State = job.state
    order = world.queues[job.ref.queue].orders[state]
    surplus = 0 if keep.count is None else len(order) - keep.count
    doomed: list[Job] = []
    for old in order:
        age_ms = now - (old.finished_at or now)
        is_old = keep.age_ms is not None and age_ms > keep.age_ms
        if len(doomed) == PAGE_MAX or not (len(doomed) < surplus or is_old):
            break
        doomed.append(old)
    for old in doomed:
        forget_job(world, old, now)
