"""A job goes over to another queue."""

from headrace.core import topics
from headrace.core.errors import DuplicateId, Refused
from headrace.core.flow_errors import InFlow
from headrace.core.jobs import FINISHED, JobRef
from headrace.storage.memory import deadlines, kin
from headrace.storage.memory.journal import happened
from headrace.storage.memory.remove import lose_key
from headrace.storage.memory.storing import next_number
from headrace.storage.memory.world import Job, World


def rehome(world: World, job: Job, to: str, now: int) -> Refused | None:
    """Move a job with all that belongs to it. Its state stays; its place is behind those that are there."""
    old = job.ref
    if job.parent or job.children or job.followers:
        return InFlow(queue=old.queue, id=old.id)
    if job.new.id is not None and world.job(JobRef(to, job.new.id)):
        return DuplicateId(queue=to, id=job.new.id)
    kin.orphan(world, job)
    job.dropped.clear()
    happened(world, job, now, "removed", job.state)
    if job.state not in FINISHED:
        lose_key(world, job)
    world.queues[old.queue].orders[job.state].take(job.key)
    del world.queues[old.queue].jobs[old.id]
    queue = world.queue(to)
    number, job.serial = next_number(world, to)
    job.ref = JobRef(to, str(number) if job.new.id is None else job.new.id)
    deadlines.watch(world, job)
    if job.state in FINISHED:
        job.key = job.key[0], job.serial
    else:
        queue.back += 1
        job.key = job.key[0], queue.back
        job.ready_at = now  # it waits in this queue from now on
        world.wake(topics.ready(to))
    queue.jobs[job.ref.id] = job
    queue.orders[job.state].put(job.key, job)
    happened(world, job, now, job.state)
    return None
