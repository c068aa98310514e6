"""Remove: named jobs, or a page of what a description fits."""

from collections.abc import Iterator
from itertools import islice

from headrace.core.commands import Remove, Removed
from headrace.core.errors import NoSuchJob, Refused, WrongState
from headrace.core.jobs import FINISHED, JobRef, State
from headrace.core.lifecycle import STARTS
from headrace.storage.memory import kin
from headrace.storage.memory.journal import happened
from headrace.storage.memory.world import Job, Queue, World


def remove(world: World, command: Remove, now: int) -> Removed:
    gone: list[JobRef] = []
    refusals: list[Refused | None] = []
    for ref in command.jobs:
        refusals.append(refusal := _refusal(world.job(ref), ref))
        if refusal is None:
            gone.append(ref)
            _remove(world, ref, now)
    queue = world.queues.get(command.queue) if command.queue is not None else None
    if queue:
        for ref in _described(queue, command, now):
            gone.append(ref)
            _remove(world, ref, now)
    return Removed(tuple(gone), tuple(refusals))


def forget_job(world: World, job: Job, now: int) -> None:
    """Take a job out of the world. Its children go on without a parent; its own parent no longer waits for it."""
    queue = world.queues[job.ref.queue]
    queue.orders[job.state].take(job.key)
    del queue.jobs[job.ref.id]
    kin.part(world, job, now)


def _refusal(job: Job | None, ref: JobRef) -> Refused | None:
    if job is None:
        return NoSuchJob(queue=ref.queue, id=ref.id)
    if job.state not in STARTS["remove"]:
        return WrongState(queue=ref.queue, id=ref.id, state=job.state)
    return None


def _remove(world: World, ref: JobRef, now: int) -> None:
    job = world.queues[ref.queue].jobs[ref.id]
    happened(world, job, now, "removed", job.state)
    forget_job(world, job, now)


def _described(queue: Queue, command: Remove, now: int) -> list[JobRef]:
    """State by state in the order given, the oldest first."""
    found: list[JobRef] = []
    for state in dict.fromkeys(command.states):
        if state in STARTS["remove"]:
            surplus = max(len(queue.orders[state]) - command.keep_count, 0)
            oldest = islice(_oldest(queue, state), min(surplus, command.limit - len(found)))
            found += [job.ref for job in oldest if _instant(job) <= now - command.older_ms]
    return found


def _oldest(queue: Queue, state: State) -> Iterator[Job]:
    """Finished jobs in the order in which they finished, others in the order in which they were added."""
    if state in FINISHED:
        return iter(queue.orders[state])
    return (job for job in queue.jobs.values() if job.state == state)


def _instant(job: Job) -> int:
    return job.added_at if job.finished_at is None else job.finished_at
