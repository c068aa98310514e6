"""Add: new jobs and whole flows, all or none."""

from headrace.core.commands import Add, Added
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchJob, NoSuchParent, Refused, WrongState
from headrace.core.flow_errors import CannotFollow
from headrace.core.jobs import FINISHED, JobRef, NewJob, Parent, State
from headrace.storage.memory import dedup, kin, limits
from headrace.storage.memory.ending import call_off
from headrace.storage.memory.kin import Tie
from headrace.storage.memory.remove import drop
from headrace.storage.memory.storing import enter, first_state
from headrace.storage.memory.world import Job, World


def add(world: World, command: Add, now: int) -> Added | Refused:
    if command.request_id in world.requests:
        return world.requests[command.request_id][1]
    refusal = _refusal(world, command) or limits.refusal(world, _newcomers(world, command.jobs, now))
    if refusal:
        return refusal
    added, parents = enter(world, command.jobs, now)
    _follow(world, parents, now)
    for parent in parents:
        kin.release(world, parent, now)
    if command.request_id is not None:
        world.requests[command.request_id] = (now, added)
    return added


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
            planned[ref] = first_state(new)
    return None


def _newcomers(world: World, jobs: tuple[NewJob, ...], now: int) -> list[NewJob]:
    """The jobs that take up room: those that are neither there nor duplicates, nor below one."""
    seen: set[JobRef] = set()
    keys: set[tuple[str, str]] = set()  # dedup keys that jobs of this Add take
    dropped: set[JobRef] = set()
    found: list[NewJob] = []
    for new in jobs:
        ref = JobRef(new.queue, new.id) if new.id is not None else None
        if ref and (ref in seen or world.job(ref)):
            continue
        above = [new.parent] if new.parent else new.follows
        is_below = any(JobRef(one.queue, one.id) in dropped for one in above)
        key = (new.queue, new.options.dedup.key) if new.options.dedup else None
        if is_below or key in keys or dedup.taken(world, new.queue, new.options.dedup, now):
            dropped |= {ref} if ref else set()
        else:
            seen |= {ref} if ref else set()
            keys |= {key} if key else set()
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
            if job is None:
                continue  # a job of this Add has taken its place: what is removed is not waited for
            for one in kin.family(world, job) if bond.bond == "finally" else [job]:
                kin.follow(follower, one, bond.bond)
                ties.append(Tie(one, follower, one.followers[follower]))
    ended = [tie for tie in dict.fromkeys(ties) if tie.child.state in FINISHED]
    drop(world, kin.tell_completed(world, [tie for tie in ended if tie.child.state == "completed"], now), now)
    there = [tie for tie in ended if world.job(tie.parent.ref) is tie.parent]  # the others needed nothing but failures
    call_off(world, kin.tell_failed(world, [tie for tie in there if tie.child.state == "failed"], now), now)
