"""The jobs that nobody has started in time fail."""

from itertools import islice, takewhile

from headrace.core.jobs import FINISHED, Failure, JobRef
from headrace.core.lifecycle import expiry
from headrace.storage.memory import dedup
from headrace.storage.memory.ending import fail, retain, tell_failed
from headrace.storage.memory.places import ready_state
from headrace.storage.memory.storing import store
from headrace.storage.memory.tally import count
from headrace.storage.memory.world import Job, World


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
    jobs = [job for job, _ in late]
    tell_failed(world, jobs, now)
    store(world, dedup.finish(world, jobs), now)
    for job, _ in late:
        retain(world, job, job.options.keep_failed, now)
    return tuple(job.ref for job, _ in late), len(due) == limit


def _why(job: Job, serial: int, now: int) -> Failure | None:
    if job.serial != serial or job.state in FINISHED or job.failure:
        return None
    return expiry(job.options, job.added_at, job.attempts_started, now)
