"""Remove: named jobs, or a page of what a description fits."""

from collections.abc import Iterator
from itertools import islice, takewhile

from headrace.core.commands import Remove, Removed, Spared
from headrace.core.commands.changes import FAMILY_MAX, states_to_go, stay_before
from headrace.core.errors import NoMatch, NoSuchJob, Refused, WrongState
from headrace.core.flow_errors import FamilyTooLarge
from headrace.core.jobs import FINISHED, JobRef, State
from headrace.core.lifecycle import STARTS
from headrace.storage.memory import kin
from headrace.storage.memory.journal import happened
from headrace.storage.memory.match import matches
from headrace.storage.memory.places import give_place
from headrace.storage.memory.world import Job, Queue, Taken, World


def remove(world: World, command: Remove, now: int) -> Removed:
    gone: list[JobRef] = []
    refusals: list[Refused | None] = []
    fitting = {job for ref in command.jobs if (job := world.job(ref)) and matches(job, command.where, now)}
    starts = STARTS["remove"] | (STARTS["obliterate"] if command.is_forced else frozenset())
    for ref in command.jobs:
        job = world.job(ref)
        if job is None:
            refusals.append(NoSuchJob(queue=ref.queue, id=ref.id))
            continue
        if command.where is not None and job not in fitting:
            refusals.append(NoMatch(queue=ref.queue, id=ref.id))
            continue
        doomed = kin.family(world, job) if command.with_children else [job]
        if len(doomed) > FAMILY_MAX + 1:
            refusals.append(FamilyTooLarge(queue=ref.queue, id=ref.id, most=FAMILY_MAX))
            continue
        fixed = next((one for one in doomed if one.state not in starts), None)
        if fixed:
            refusals.append(WrongState(queue=fixed.ref.queue, id=fixed.ref.id, state=fixed.state))
        else:
            refusals.append(None)
            gone += drop(world, doomed, now)
    queue = world.queues.get(command.queue) if command.queue is not None else None
    paged, spared = _remove_page(world, queue, command, now) if queue else ([], None)
    return Removed((*gone, *paged), tuple(refusals), spared)


def _remove_page(world: World, queue: Queue, command: Remove, now: int) -> tuple[list[JobRef], Spared | None]:
    gone: list[JobRef] = []
    room, spared = command.limit, None
    for state in states_to_go(command):
        if state not in STARTS["remove"] or not room:
            continue
        page = _page(world, queue, state, command, now, room)
        doomed = [job for job in page if not (command.spares_kept and _has_own_keep(job))]
        gone += drop(world, doomed, now)
        room -= len(page)
        if not room and command.spares_kept and state in FINISHED:
            stay = stay_before(command, state) + len(page) - len(doomed)
            instant, serial = page[-1].key
            spared = Spared(state, stay, instant, serial - world.serial(queue.name, 0))
    return gone, spared


def drop(world: World, jobs: list[Job], now: int) -> list[JobRef]:
    """Remove jobs in such a way that it is an event. What has not finished takes its dedup key along."""
    for job in jobs:
        happened(world, job, now, "removed", job.state)
        if job.state not in FINISHED:
            lose_key(world, job)
    erase(world, jobs, now)
    return [job.ref for job in jobs]


def lose_key(world: World, job: Job) -> None:
    """The dedup key of a job is free, and what was kept for its end is forgotten."""
    if job.options.dedup is not None and key_of(world, job) is not None:
        del world.queues[job.ref.queue].dedups[job.options.dedup.key]


def key_of(world: World, job: Job) -> Taken | None:
    """The dedup key of a job, if it has it."""
    found = world.queues[job.ref.queue].dedups.get(job.options.dedup.key) if job.options.dedup else None
    return found if found is not None and found.owner == job.serial else None


def erase(world: World, jobs: list[Job], now: int) -> None:
    """Take jobs out of the world, all at once; then those who waited for them hear of it."""
    for job in jobs:
        queue = world.queues[job.ref.queue]
        queue.orders[job.state].take(job.key)
        if job.state == "active":
            give_place(world, queue)
        del queue.jobs[job.ref.id]
    unneeded = kin.part(world, jobs, now)
    if unneeded:
        drop(world, unneeded, now)


def _page(world: World, queue: Queue, state: State, command: Remove, now: int, limit: int) -> list[Job]:
    surplus = len(queue.orders[state]) - command.keep_count - stay_before(command, state)
    after = command.after if command.after is not None and command.after.state == state else None
    key = None if after is None else (after.instant, world.serial(queue.name, after.number))
    beyond = islice(_oldest(queue, state, key), max(min(surplus, limit), 0))
    return list(takewhile(lambda job: _instant(job) <= now - command.older_ms, beyond))


def _has_own_keep(job: Job) -> bool:
    match job.state:
        case "completed":
            return job.options.keep_completed is not None
        case "failed":
            return job.options.keep_failed is not None
        case _:
            return False


def _oldest(queue: Queue, state: State, after: tuple[int, int] | None) -> Iterator[Job]:
    """Finished jobs in the order in which they finished, others in the order in which they were added."""
    if state in FINISHED:
        return queue.orders[state].after(after)
    # Jobs that came from another queue bring along when they were added.
    return iter(sorted(queue.orders[state], key=lambda job: (job.added_at, job.serial)))


def _instant(job: Job) -> int:
    return job.added_at if job.finished_at is None else job.finished_at
