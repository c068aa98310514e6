"""Deadlines: the jobs that nobody has started in time fail.

A deadline is noted when a job is added, or comes to another queue, and looked at once, when it has come. What became of
the job meanwhile does not touch it.
"""

from bisect import insort
from itertools import islice, takewhile

from headrace.core.jobs import FINISHED, Failure, JobRef
from headrace.core.lifecycle import deadline, expiry
from headrace.storage.memory import kin
from headrace.storage.memory.places import ready_state
from headrace.storage.memory.settle import fail, retain
from headrace.storage.memory.tally import count
from headrace.storage.memory.world import Job, World


def watch(world: World, job: Job) -> None:
    """Note the deadline of a job, if it has one."""
    end = deadline(job.options, job.added_at)
    if end is not None:
        insort(world.deadlines, (end, job.serial, job.ref))


def expire(world: World, limit: int, now: int) -> tuple[tuple[JobRef, ...], bool]:
    """Fail the late ones of the jobs whose deadlines came first, as if they had been claimed and settled so."""
    due = list(islice(takewhile(lambda one: one[0] <= now, world.deadlines), limit))
    del world.deadlines[: len(due)]
    late = [(job, why) for _, serial, ref in due if (job := world.job(ref)) and (why := _why(job, serial, now))]
    for job, why in late:
        waited_ms = max(now - job.ready_at, 0) if job.state == ready_state(job.priority) else 0
        count(world.queues[job.ref.queue], job.new.name, "failed", waited_ms, 0, now)
        job.attempts_started = job.attempts_made = 1
        fail(world, job, why, now)
    kin.tell_failed(world, [job for job, _ in late], now)
    for job, _ in late:
        retain(world, job, job.options.keep_failed, now)
    return tuple(job.ref for job, _ in late), len(due) == limit


def _why(job: Job, serial: int, now: int) -> Failure | None:
    if job.serial != serial or job.state in FINISHED or job.failure:
        return None
    return expiry(job.options, job.added_at, job.attempts_started, now)
