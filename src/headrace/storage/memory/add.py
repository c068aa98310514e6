"""Add: new jobs and whole flows, all or none."""

from typing import Final

from headrace.core.commands import Add, Added
from headrace.core.errors import CannotFollow, DuplicateId, LeaseLost, NoSuchJob, NoSuchParent, Refused, WrongState
from headrace.core.jobs import FINISHED, JobRef, NewJob, Parent, State
from headrace.storage.memory import kin
from headrace.storage.memory.ending import call_off
from headrace.storage.memory.kin import Tie
from headrace.storage.memory.places import ready_state, to_children, to_delayed, to_ready
from headrace.storage.memory.remove import drop
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
    _follow(world, parents, now)
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
    hung: dict[JobRef, JobRef] = {}  # planned jobs below one that is in the store, and that one
    for new in command.jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        is_taken = ref is not None and (ref in planned or world.job(ref) is not None)
        if is_taken and (new.parent or new.has_children):
            return DuplicateId(queue=new.queue, id=new.id)
        if new.parent and (refusal := _parent_refusal(world, planned, new.parent, command.token)):
            return refusal
        over = _over(world, hung, new.parent)
        if refusal := _follow_refusal(world, planned, over, new):
            return refusal
        if ref and over:
            hung[ref] = over
        if ref and not is_taken:
            planned[ref] = _first_state(new)
    return None


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


def _over(world: World, hung: dict[JobRef, JobRef], parent: Parent | None) -> JobRef | None:
    """The job in the store below which a child of this parent would stand."""
    if parent is None:
        return None
    ref = JobRef(parent.queue, parent.id)
    return ref if world.job(ref) else hung.get(ref)


def _follow_refusal(world: World, planned: dict[JobRef, State], over: JobRef | None, new: NewJob) -> Refused | None:
    if new.follows and over:
        return CannotFollow(queue=over.queue, id=over.id)
    for follow in new.follows:
        ref = JobRef(follow.queue, follow.id)
        if ref not in planned and (follow.bond == "finally" or world.job(ref) is None):
            return NoSuchJob(queue=ref.queue, id=ref.id)
    return None


def _follow(world: World, followers: list[Job], now: int) -> None:
    """Tie new jobs to those that they follow; who has ended already is heard of at once."""
    ties: list[Tie] = []
    for follower in followers:
        for bond in follower.new.follows:
            job = world.job(JobRef(bond.queue, bond.id))
            assert job is not None  # `_refusal` looked
            for one in kin.family(world, job) if bond.bond == "finally" else [job]:
                kin.follow(follower, one, bond.bond)
                ties.append(Tie(one, follower, one.followers[follower]))
    ended = [tie for tie in dict.fromkeys(ties) if tie.child.state in FINISHED]
    drop(world, kin.tell_completed(world, [tie for tie in ended if tie.child.state == "completed"], now), now)
    call_off(world, kin.tell_failed(world, [tie for tie in ended if tie.child.state == "failed"], now), now)


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
        for follower, bond in parent.followers.items():
            if bond == "finally" and follower.state == "waiting-children":
                kin.follow(follower, job, bond)
    match _first_state(new):
        case "waiting-children":
            to_children(world, job, now, None)
        case "delayed":
            to_delayed(world, job, now, None, new.delay_ms)
        case _:
            to_ready(world, job, now, None, is_front=new.options.lifo)
    return job
