"""Add: new jobs and whole flows, all or none."""

from typing import Final

from headrace.core.commands import Add, Added
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchParent, Refused, WrongState
from headrace.core.jobs import JobRef, NewJob, Parent, State
from headrace.storage.memory import kin, limits
from headrace.storage.memory.places import ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.world import Job, World

NUMBER_BITS: Final = 40  # the low bits of a serial are the number of the job in its queue


def add(world: World, command: Add, now: int) -> Added | Refused:
    if command.request_id in world.requests:
        return world.requests[command.request_id][1]
    refusal = _refusal(world, command)
    if refusal:
        return refusal
    refs: list[JobRef] = []
    parents: list[Job] = []
    existing: list[int] = []
    for place, new in enumerate(command.jobs):
        if new.id is not None and world.job(JobRef(new.queue, new.id)):
            existing.append(place)
            refs.append(JobRef(new.queue, new.id))
        else:
            job = _store(world, new, now)
            refs.append(job.ref)
            parents += [job] if new.has_children else []
    for parent in parents:
        kin.release(world, parent, now)
    added = Added(tuple(refs), tuple(existing))
    if command.request_id is not None:
        world.requests[command.request_id] = (now, added)
    return added


def next_number(world: World, queue: str) -> tuple[int, int]:
    """The number of one job more in a queue that is there, and its serial."""
    number = world.job_numbers[queue] = world.job_numbers.get(queue, 0) + 1
    return number, (world.queue_numbers[queue] << NUMBER_BITS) + number


def _refusal(world: World, command: Add) -> Refused | None:
    """Why nothing of this can be added: the reason of the first job that has one."""
    planned: dict[JobRef, State] = {}
    fresh: list[NewJob] = []
    for new in command.jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        is_taken = ref is not None and (ref in planned or world.job(ref) is not None)
        if is_taken and (new.parent or new.has_children):
            return DuplicateId(queue=new.queue, id=new.id)
        if new.parent and (refusal := _parent_refusal(world, planned, new.parent, command.token)):
            return refusal
        if ref and not is_taken:
            planned[ref] = _first_state(new)
        if not is_taken:
            fresh.append(new)
    return limits.refusal(world, fresh)


def _parent_refusal(world: World, planned: dict[JobRef, State], parent: Parent, token: str | None) -> Refused | None:
    ref = JobRef(parent.queue, parent.id)
    stored = world.job(ref)
    state = stored.state if stored else planned.get(ref)
    if state is None:
        return NoSuchParent(queue=parent.queue, id=parent.id)
    if stored and token is not None and stored.token != token:
        return LeaseLost(queue=parent.queue, id=parent.id)
    if state not in {"waiting-children", "active"}:
        return WrongState(queue=parent.queue, id=parent.id, state=state)
    return None


def _first_state(new: NewJob) -> State:
    if new.has_children:
        return "waiting-children"
    return "delayed" if new.delay_ms > 0 else ready_state(new.priority)


def _store(world: World, new: NewJob, now: int) -> Job:
    queue = world.queue(new.queue)
    number, serial = next_number(world, new.queue)
    ref = JobRef(new.queue, str(number) if new.id is None else new.id)
    job = queue.jobs[ref.id] = Job(ref, serial, new, new.data, new.priority, now, new.parent)
    parent = kin.parent_of(world, job)
    if parent:
        parent.children[serial] = ref, new.name
        parent.pending.add(serial)
    match _first_state(new):
        case "waiting-children":
            to_children(world, job, now, None)
        case "delayed":
            to_delayed(world, job, now, None, new.delay_ms)
        case _:
            to_ready(world, job, now, None, is_front=new.options.lifo)
    return job
