"""Where a job stands: into and out of each state, with its place in the order, its event and its wake-up.

Each `to_…` takes the state that the job was in (`leave` gives it; None for a new job).
"""

from headrace.core import topics
from headrace.core.jobs import Cause, State
from headrace.core.limits import NONE
from headrace.storage.memory.journal import happened
from headrace.storage.memory.ordered import Key
from headrace.storage.memory.world import Job, Queue, World


def leave(world: World, job: Job) -> State:
    """Take a job out of its state, and with it what belongs to that state only."""
    queue = world.queues[job.ref.queue]
    queue.orders[job.state].take(job.key)
    if job.state == "active":
        give_place(world, queue)
    job.due_at = job.started_at = job.finished_at = None
    job.token = job.expires_at = job.worker = None
    job.is_cancel_requested = job.is_hurried = False
    return job.state


def give_place(world: World, queue: Queue) -> None:
    """A job runs no more: where that was in the way of others, they may be claimed now."""
    if queue.limits != NONE and (queue.orders["waiting"] or queue.orders["prioritized"]):
        world.wake(topics.ready(queue.name))


def to_ready(
    world: World, job: Job, now: int, was: State | None, *, is_front: bool = False, cause: Cause | None = None
) -> None:
    """To the back, or the front, of its class: `waiting` without a priority, `prioritized` with one."""
    queue = world.queues[job.ref.queue]
    if is_front:
        queue.front -= 1
    else:
        queue.back += 1
    job.ready_at = now
    _enter(world, job, ready_state(job.priority), (job.priority, queue.front if is_front else queue.back))
    if was != job.state:
        happened(world, job, now, job.state, was, cause)
    world.wake(topics.ready(queue.name))


def to_delayed(world: World, job: Job, now: int, was: State | None, delay_ms: int) -> None:
    queue = world.queues[job.ref.queue]
    queue.back += 1
    job.due_at = now + delay_ms
    _enter(world, job, "delayed", (job.due_at, queue.back))
    happened(world, job, now, "delayed", was)
    world.wake(topics.ready(job.ref.queue))


def to_children(world: World, job: Job, now: int, was: State | None) -> None:
    _enter(world, job, "waiting-children", (now, job.serial))
    happened(world, job, now, "waiting-children", was)


def to_active(world: World, job: Job, now: int, was: State, expires_at: int) -> None:
    job.started_at, job.expires_at = now, expires_at
    _enter(world, job, "active", (expires_at, job.serial))
    happened(world, job, now, "active", was)


def to_finished(world: World, job: Job, now: int, state: State, cause: Cause | None = None) -> None:
    started_at = job.started_at
    was = leave(world, job)
    job.started_at, job.finished_at = started_at, now
    _enter(world, job, state, (now, job.serial))
    happened(world, job, now, state, was, cause)


def extend(world: World, job: Job, expires_at: int) -> None:
    """Let the lease of an active job end later."""
    order = world.queues[job.ref.queue].orders[job.state]
    order.take(job.key)
    job.expires_at, job.key = expires_at, (expires_at, job.serial)
    order.put(job.key, job)


def ready_state(priority: int) -> State:
    return "prioritized" if priority else "waiting"


def _enter(world: World, job: Job, state: State, key: Key) -> None:
    job.state, job.key = state, key
    world.queues[job.ref.queue].orders[state].put(key, job)
