"""Storing new jobs, against which nothing speaks: those of an Add, and those that were kept for the end of others."""

from headrace.core.commands import Added
from headrace.core.jobs import JobRef, NewJob, State
from headrace.storage.memory import deadlines, dedup, kin
from headrace.storage.memory.places import ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.world import Job, World


def store(world: World, jobs: tuple[NewJob, ...], now: int) -> Added:
    """Store the jobs that are neither there nor duplicates; nothing speaks against the others."""
    added, parents = enter(world, jobs, now)
    for parent in parents:
        kin.release(world, parent, now)
    return added


def enter(world: World, jobs: tuple[NewJob, ...], now: int) -> tuple[Added, list[Job]]:
    """The same, but new parents are not released yet: with the reply come they."""
    refs: list[JobRef] = []
    parents: list[Job] = []
    existing: list[int] = []
    duplicates: list[int] = []
    replaced: list[tuple[int, JobRef]] = []
    kept: list[int] = []
    dropped: dict[JobRef, JobRef] = {}  # duplicates, and what stands below and behind them, and of what
    for place, new in enumerate(jobs):
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        if ref and world.job(ref):
            existing.append(place)
            refs.append(ref)
            continue
        above = [new.parent] if new.parent else new.follows
        owner = next((dropped[over] for one in above if (over := JobRef(one.queue, one.id)) in dropped), None)
        key = None if owner else dedup.taken(world, new.queue, new.options.dedup, now)
        does = dedup.receive(world, key, new, now) if key else None
        if key and does == "replaces":
            replaced.append((place, key.ref))
        elif key:
            owner = key.ref
            kept += [place] if does == "kept" else []
        if owner:
            duplicates.append(place)
            refs.append(owner)
            dropped |= {ref: owner} if ref else {}
            continue
        job = _store(world, new, now)
        dedup.take(world, job, now, key)
        refs.append(job.ref)
        parents += [job] if new.has_children else []
    return Added(tuple(refs), tuple(existing), tuple(duplicates), tuple(replaced), tuple(kept)), parents


def next_number(world: World, queue: str) -> tuple[int, int]:
    """The number of one job more in a queue that is there, and its serial."""
    number = world.job_numbers[queue] = world.job_numbers.get(queue, 0) + 1
    return number, world.serial(queue, number)


def first_state(new: NewJob) -> State:
    """Where a new job begins."""
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
        for follower, bond in parent.followers.items():
            if bond == "finally" and follower.state == "waiting-children":
                kin.follow(follower, job, bond)
    match first_state(new):
        case "waiting-children":
            to_children(world, job, now, None)
        case "delayed":
            to_delayed(world, job, now, None, new.delay_ms)
        case _:
            to_ready(world, job, now, None, is_front=new.options.lifo)
    return job
