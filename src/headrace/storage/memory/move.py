"""Move: what people do to jobs by hand."""

from headrace.core.commands import Move, Moved
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.errors import NoMatch, NoSuchJob, Refused, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.jobs import Failure, JobRef
from headrace.core.lifecycle import FAMILY_STARTS, STARTS, starts_of_retried
from headrace.storage.memory import dedup, kin
from headrace.storage.memory.ending import cancel
from headrace.storage.memory.match import matches
from headrace.storage.memory.places import leave, ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.rehome import rehome
from headrace.storage.memory.world import Job, World


def move(world: World, command: Move, now: int) -> Moved:
    refusals: list[Refused | None] = []
    requested: list[int] = []
    moved: list[JobRef] = []
    asked: list[JobRef] = []
    is_whole = command.with_children and command.action in FAMILY_STARTS
    fitting = {job for ref in command.jobs if (job := world.job(ref)) and matches(job, command.where, now)}
    for place, ref in enumerate(command.jobs):
        job = world.job(ref)
        refusal = None if job and is_whole else _refusal(job, ref, command)
        if job and command.where is not None and job not in fitting:
            refusal = NoMatch(queue=ref.queue, id=ref.id)
        if job and is_whole and not refusal:
            refusal, members, running = _move_family(world, job, command, now)
            moved += members
            asked += running
            requested += [place] if running else []
        elif job and not refusal:
            if command.action == "cancel" and job.state == "active":
                requested.append(place)
            refusal = _move(world, job, command, now)
        refusals.append(refusal)
        if command.action == "move":
            moved.append(job.ref if job else ref)
    return Moved(tuple(refusals), tuple(requested), tuple(moved), tuple(asked))


def _move_family(world: World, root: Job, command: Move, now: int) -> tuple[Refused | None, list[JobRef], list[JobRef]]:
    """Why not, or which members were moved, and the active ones of which were asked."""
    family = kin.family(world, root)
    if len(family) > FAMILY_MAX + 1:
        return FamilyTooLarge(queue=root.ref.queue, id=root.ref.id, most=FAMILY_MAX), [], []
    members = [job for job in family if job.state in FAMILY_STARTS[command.action]]
    if not members:
        return WrongState(queue=root.ref.queue, id=root.ref.id, state=root.state), [], []
    asked = [job.ref for job in members if job.state == "active"]
    if command.action == "retry":
        members.reverse()  # each child before its parent
        kin.expect_again(world, members)
    for job in members:  # the end of another may have called it off
        if world.job(job.ref) is job and job.state in FAMILY_STARTS[command.action]:
            _move(world, job, command, now)
    return None, [job.ref for job in members], asked


def _refusal(job: Job | None, ref: JobRef, command: Move) -> Refused | None:
    if job is None:
        return NoSuchJob(queue=ref.queue, id=ref.id)
    if job.state not in STARTS[command.action]:
        return WrongState(queue=ref.queue, id=ref.id, state=job.state)
    return None


def _move(world: World, job: Job, command: Move, now: int) -> Refused | None:
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
            cancel(world, job, command.failure or Failure("cancelled", "cancelled"), now)
        case "move":
            return rehome(world, job, command.to, now)
    return None


def _retry(world: World, job: Job, now: int) -> None:
    job.attempts_made = job.stalls = 0
    job.attempts_started = starts_of_retried(job.options, job.attempts_started)
    job.result = job.failure = None
    kin.reclaim(world, job)
    if job.pending:
        to_children(world, job, now, leave(world, job))
    else:
        to_ready(world, job, now, leave(world, job))
    kin.tell_retried(world, job)
    dedup.retake(world, job, now)


def _prioritise(world: World, job: Job, priority: int, now: int) -> None:
    """A job that waits for its time or its children keeps its place; its priority counts when it is ready."""
    is_ready = job.state == ready_state(job.priority)
    was = leave(world, job) if is_ready else job.state
    job.priority = priority
    if is_ready:
        to_ready(world, job, now, was)
