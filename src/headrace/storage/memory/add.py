"""Add: new jobs and whole flows, all or none."""

from headrace.core.commands import Add, Added
from headrace.core.errors import DuplicateId, NoSuchParent, Refused, WrongState
from headrace.core.jobs import JobRef, NewJob, Parent, State
from headrace.storage.memory.places import ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.world import Job, World


def add(world: World, command: Add, now: int) -> Added | Refused:
    if command.request_id in world.requests:
        return world.requests[command.request_id][1]
    awaiting = {JobRef(new.parent.queue, new.parent.id) for new in command.jobs if new.parent}
    refusal = _refusal(world, command.jobs, awaiting)
    if refusal:
        return refusal
    refs: list[JobRef] = []
    existing: list[int] = []
    for place, new in enumerate(command.jobs):
        if new.id is not None and world.job(JobRef(new.queue, new.id)):
            existing.append(place)
            refs.append(JobRef(new.queue, new.id))
        else:
            refs.append(_store(world, new, awaiting, now))
    added = Added(tuple(refs), tuple(existing))
    if command.request_id is not None:
        world.requests[command.request_id] = (now, added)
    return added


def _refusal(world: World, jobs: tuple[NewJob, ...], awaiting: set[JobRef]) -> Refused | None:
    """Why nothing of this can be added: the reason of the first job that has one."""
    planned: dict[JobRef, State] = {}
    for new in jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        is_taken = ref is not None and (ref in planned or world.job(ref) is not None)
        if is_taken and (new.parent or new.has_children):
            return DuplicateId(queue=new.queue, id=new.id)
        if new.parent and (refusal := _parent_refusal(world, planned, new.parent)):
            return refusal
        if ref and not is_taken:
            planned[ref] = _first_state(new, awaiting)
    return None


def _parent_refusal(world: World, planned: dict[JobRef, State], parent: Parent) -> Refused | None:
    ref = JobRef(parent.queue, parent.id)
    stored = world.job(ref)
    state = stored.state if stored else planned.get(ref)
    if state is None:
        return NoSuchParent(queue=parent.queue, id=parent.id)
    if state not in {"waiting-children", "active"}:
        return WrongState(queue=parent.queue, id=parent.id, state=state)
    return None


def _first_state(new: NewJob, awaiting: set[JobRef]) -> State:
    """Where a new job goes. Without a child in the same command nothing would ever release a parent."""
    if new.has_children and new.id is not None and JobRef(new.queue, new.id) in awaiting:
        return "waiting-children"
    return "delayed" if new.delay_ms > 0 else ready_state(new.priority)


def _store(world: World, new: NewJob, awaiting: set[JobRef], now: int) -> JobRef:
    number = world.counters[new.queue] = world.counters.get(new.queue, 0) + 1
    world.serial += 1
    ref = JobRef(new.queue, str(number) if new.id is None else new.id)
    job = Job(ref, world.serial, new, new.data, new.priority, now)
    world.queue(new.queue).jobs[ref.id] = job
    match _first_state(new, awaiting):
        case "waiting-children":
            to_children(world, job, now, None)
        case "delayed":
            to_delayed(world, job, now, None, new.delay_ms)
        case _:
            to_ready(world, job, now, None, is_front=new.options.lifo)
    parent = world.job(job.parent_ref) if job.parent_ref else None
    if parent:
        parent.children[ref] = None
        parent.pending.add(ref)
        parent.values.pop(ref, None)
    return ref
