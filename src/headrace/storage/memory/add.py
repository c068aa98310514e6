"""Add: new jobs and whole flows, all or none."""

from typing import Final

from headrace.core.commands import Add, Added
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchParent, Refused, WrongState
from headrace.core.jobs import JobRef, NewJob, Parent, State
from headrace.storage.memory import deadlines, dedup, kin, limits
from headrace.storage.memory.places import ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.world import Job, World

NUMBER_BITS: Final = 40  # the low bits of a serial are the number of the job in its queue


def add(world: World, command: Add, now: int) -> Added | Refused:
    if command.request_id in world.requests:
        return world.requests[command.request_id][1]
    refusal = _refusal(world, command) or limits.refusal(world, _newcomers(world, command.jobs, now))
    if refusal:
        return refusal
    added = store(world, command.jobs, now)
    if command.request_id is not None:
        world.requests[command.request_id] = (now, added)
    return added


def store(world: World, jobs: tuple[NewJob, ...], now: int) -> Added:
    """Store the jobs that are neither there nor duplicates; nothing speaks against the others."""
    refs: list[JobRef] = []
    parents: list[Job] = []
    existing: list[int] = []
    duplicates: list[int] = []
    replaced: list[tuple[int, JobRef]] = []
    dropped: dict[JobRef, JobRef] = {}  # the nodes of flows whose root is a duplicate, and of what
    for place, new in enumerate(jobs):
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        if ref and world.job(ref):
            existing.append(place)
            refs.append(ref)
            continue
        owner = dropped.get(JobRef(new.parent.queue, new.parent.id)) if new.parent else None
        key = None if owner else dedup.taken(world, new.queue, new.options.dedup, now)
        if key and dedup.receive(world, key, new, now) == "replaces":
            replaced.append((place, key.ref))
        elif key:
            owner = key.ref
        if owner:
            duplicates.append(place)
            refs.append(owner)
            dropped |= {ref: owner} if ref and new.has_children else {}
            continue
        job = _store(world, new, now)
        dedup.take(world, job, now, key)
        refs.append(job.ref)
        parents += [job] if new.has_children else []
    for parent in parents:
        kin.release(world, parent, now)
    return Added(tuple(refs), tuple(existing), tuple(duplicates), tuple(replaced))


def next_number(world: World, queue: str) -> tuple[int, int]:
    """The number of one job more in a queue that is there, and its serial."""
    number = world.job_numbers[queue] = world.job_numbers.get(queue, 0) + 1
    return number, (world.queue_numbers[queue] << NUMBER_BITS) + number


def _refusal(world: World, command: Add) -> Refused | None:
    """Why nothing of this can be added: the reason of the first job that has one."""
    planned: dict[JobRef, State] = {}
    for new in command.jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        is_taken = ref is not None and (ref in planned or world.job(ref) is not None)
        if is_taken and (new.parent or new.has_children):
            return DuplicateId(queue=new.queue, id=new.id)
        if new.parent and (refusal := _parent_refusal(world, planned, new.parent, command.token)):
            return refusal
        if ref and not is_taken:
            planned[ref] = _first_state(new)
    return None


def _newcomers(world: World, jobs: tuple[NewJob, ...], now: int) -> list[NewJob]:
    """The jobs that take up room: those that are neither there nor duplicates, nor below one."""
    seen: set[JobRef] = set()
    dropped: set[JobRef] = set()
    found: list[NewJob] = []
    for new in jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        is_below = new.parent is not None and JobRef(new.parent.queue, new.parent.id) in dropped
        if is_below or dedup.taken(world, new.queue, new.options.dedup, now):
            dropped |= {ref} if ref else set()
        elif not (ref and (ref in seen or world.job(ref))):
            seen |= {ref} if ref else set()
            found.append(new)
    return found


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
    deadlines.watch(world, job)
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
