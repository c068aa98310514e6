"""Move: what people do to jobs by hand."""

from headrace.core import topics
from headrace.core.commands import Move, Moved
from headrace.core.errors import NoSuchJob, Refused, WrongState
from headrace.core.jobs import Failure
from headrace.core.lifecycle import STARTS
from headrace.storage.memory import kin
from headrace.storage.memory.places import leave, ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.settle import fail, retain
from headrace.storage.memory.world import Job, World


def move(world: World, command: Move, now: int) -> Moved:
    refusals: list[Refused | None] = []
    requested: list[int] = []
    for place, ref in enumerate(command.jobs):
        job = world.job(ref)
        if job is None:
            refusals.append(NoSuchJob(queue=ref.queue, id=ref.id))
            continue
        if job.state not in STARTS[command.action]:
            refusals.append(WrongState(queue=ref.queue, id=ref.id, state=job.state))
            continue
        refusals.append(None)
        if command.action == "cancel" and job.state == "active":
            requested.append(place)
        _move(world, job, command, now)
    return Moved(tuple(refusals), tuple(requested))


def _move(world: World, job: Job, command: Move, now: int) -> None:
    match command.action:
        case "retry":
            _retry(world, job, now)
        case "promote":
            to_ready(world, job, now, leave(world, job))
        case "delay":
            to_delayed(world, job, now, leave(world, job), command.delay_ms)
        case "prioritise":
            _prioritise(world, job, command.priority, now)
        case "cancel":
            _cancel(world, job, command.failure or Failure("cancelled", "cancelled"), now)


def _retry(world: World, job: Job, now: int) -> None:
    job.attempts_made = job.stalls = 0
    job.result = job.failure = None
    kin.reclaim(world, job)
    if job.pending:
        to_children(world, job, now, leave(world, job))
    else:
        to_ready(world, job, now, leave(world, job))
    kin.tell_retried(world, job)


def _prioritise(world: World, job: Job, priority: int, now: int) -> None:
    """A job that waits for its time or its children keeps its place; its priority counts when it is ready."""
    is_ready = job.state == ready_state(job.priority)
    was = leave(world, job) if is_ready else job.state
    job.priority = priority
    if is_ready:
        to_ready(world, job, now, was)


def _cancel(world: World, job: Job, failure: Failure, now: int) -> None:
    """Ask the worker of an active job; should its run end otherwise than finished, the next claim fails the job."""
    if job.state == "active":
        job.is_cancel_requested = True
        kin.defer(job, failure, now)
        world.wake(topics.CONTROL)
        return
    fail(world, job, failure, now)
    kin.tell_failed(world, [job], now)
    retain(world, job, job.options.keep_failed, now)
