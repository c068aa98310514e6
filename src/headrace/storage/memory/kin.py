"""What becomes of a parent when a child is done, fails, is removed or is tried again.

Who follows a job is as a parent to it here, but for one thing: the job is not below its followers.
"""

from typing import NamedTuple

from msgspec.structs import replace

from headrace.core.jobs import FINISHED, Bond, Failure, JobRef
from headrace.core.lifecycle import REMOVED_REASON, child_failed
from headrace.storage.memory.places import leave, to_delayed, to_ready
from headrace.storage.memory.world import Job, World


class Tie(NamedTuple):
    """A job, one that may wait for it, and what the end of the first does to the other."""

    child: Job
    parent: Job
    bond: Bond


def ties_of(world: World, jobs: list[Job]) -> list[Tie]:
    """Who may wait for these jobs, and is there: of each its parent, then its followers."""
    ties: list[Tie] = []
    for job in jobs:
        parent = parent_of(world, job)
        if parent and job.parent:
            ties.append(Tie(job, parent, job.parent.policy))
        there = (follower for follower in job.followers if world.job(follower.ref) is follower)
        ties += [Tie(job, follower, job.followers[follower]) for follower in there]
    return ties


def parent_of(world: World, child: Job) -> Job | None:
    return world.job(child.parent_ref) if child.parent_ref else None


def child_of(world: World, parent: Job, serial: int) -> Job | None:
    """The child, unless it was removed; its id may have been taken by a stranger since."""
    return _job(world, parent.children[serial][0], serial)


def family(world: World, job: Job) -> list[Job]:
    """The job and all that stand below it, in the order of `Tree`."""
    found: list[Job] = []
    stack = [job]
    while stack:
        parent = stack.pop()
        found.append(parent)
        own = [serial for serial in reversed(parent.children) if serial not in parent.followed]
        stack += [child for serial in own if (child := child_of(world, parent, serial))]
    return found


def follow(follower: Job, job: Job, bond: Bond) -> None:
    """Let one job wait for another that is not its child; the first bond stays."""
    if job.serial in follower.children:
        return
    follower.children[job.serial] = job.ref, job.new.name
    follower.pending.add(job.serial)
    follower.followed.add(job.serial)
    job.followers[follower] = bond


def tell_completed(world: World, ties: list[Tie], now: int) -> list[Job]:
    """Leave each result with those who wait for it, then release them, the first child's first.

    Whoever was to run after a failure is needed no more: these jobs are to be removed.
    """
    parents: dict[Job, None] = {}
    unneeded: dict[Job, None] = {}
    for child, parent, bond in ties:
        if child.serial in parent.pending:
            parent.pending.discard(child.serial)
            parent.values[child.serial] = child.result
            (unneeded if bond == "on_failure" else parents)[parent] = None
    for parent in parents:
        if parent not in unneeded:
            release(world, parent, now)
    return [job for job in unneeded if job.state == "waiting-children"]


def tell_failed(world: World, ties: list[Tie], now: int) -> list[tuple[Job, Job]]:
    """Act by the bond of each child, then let the parents go on that may, the first child's first.

    The parents that need their other children no more, each with the child that failed.
    """
    free: list[tuple[Job, Job]] = []
    parents: dict[Job, None] = {}
    hurried: set[Job] = set()
    doomed: set[Job] = set()
    for child, parent, bond in ties:
        if child.serial not in parent.pending or bond == "wait":
            continue
        parent.pending.discard(child.serial)
        parents[parent] = None
        match bond:
            case "fail_parent":
                if parent.state not in FINISHED:
                    defer(parent, child_failed(child.ref.queue, child.ref.id), now)
                    doomed.add(parent)
                    free += [(parent, child)] if parent.options.siblings == "cancel" else []
            case "continue_parent":
                parent.ignored[child.serial] = _reason(child)
                parent.is_hurried = parent.state == "active"
                hurried.add(parent)
            case "ignore" | "finally" | "on_failure":
                parent.ignored[child.serial] = _reason(child)
            case "drop":
                _let_go(parent, child)
    for parent in parents:
        if parent in doomed and parent.state == "delayed":
            _to_its_place(world, parent, now)
        release(world, parent, now, is_hurried=parent in hurried)
    return free


def tell_retried(world: World, child: Job) -> None:
    """Who still waits for children waits for this one again; who went on is not pulled back."""
    for _, parent, _ in ties_of(world, [child]):
        if parent.state == "waiting-children" and child.serial in parent.children:
            parent.pending.add(child.serial)
            parent.values.pop(child.serial, None)
            parent.ignored.pop(child.serial, None)


def expect_again(world: World, jobs: list[Job]) -> None:
    """Jobs are about to be retried together: none of them goes on without another for having done so before."""
    retried = set(jobs)
    for child in jobs:
        parent = parent_of(world, child)
        if parent in retried:
            parent.ignored.pop(child.serial, None)


def reclaim(world: World, parent: Job) -> None:
    """A parent is retried: the children that failed it are pending again, unless they have completed since."""
    for serial in parent.children:
        child = child_of(world, parent, serial)
        has_answered = parent.values.get(serial) is not None or serial in parent.ignored
        if child is None or has_answered:
            continue
        if child.state == "completed":
            parent.values[serial] = child.result
            parent.pending.discard(serial)
        else:
            parent.pending.add(serial)


def orphan(world: World, parent: Job) -> None:
    """Its children, and those that it dropped, name it no longer; it follows nobody."""
    for serial in parent.followed:
        if followed := child_of(world, parent, serial):
            followed.followers.pop(parent, None)
    own = {serial: ref for serial, (ref, _) in parent.children.items() if serial not in parent.followed}
    for serial, ref in (own | parent.dropped).items():
        if child := _job(world, ref, serial):
            child.parent = None


def part(world: World, jobs: list[Job], now: int) -> list[Job]:
    """Take removed jobs out of their families. Who waited for one forgets it, others keep the results.

    Whoever was to run after the failure of one of them is needed no more: these jobs are to be removed.
    """
    for job in jobs:
        orphan(world, job)
    parents: dict[Job, None] = {}
    unneeded: dict[Job, None] = {}
    for child, parent, bond in ties_of(world, jobs):
        if child.serial in parent.pending:
            parent.pending.discard(child.serial)
            if bond == "finally":
                parent.ignored[child.serial] = REMOVED_REASON
            else:
                del parent.children[child.serial]
                parent.followed.discard(child.serial)
            (unneeded if bond == "on_failure" else parents)[parent] = None
    for parent in parents:
        if parent not in unneeded:
            release(world, parent, now)
    return [job for job in unneeded if job.state == "waiting-children"]


def release(world: World, parent: Job, now: int, *, is_hurried: bool = False, delay_ms: int = 0) -> None:
    """Let a job go on that waits for children, if none is pending, one has failed it, or one says not to wait.

    A delay it was added with begins now, unless it has run already or is to fail; `delay_ms` is one it asked for.
    """
    if world.job(parent.ref) is not parent:
        return  # it was to run after a failure, and has gone in this very step
    if parent.state != "waiting-children" or (parent.pending and not parent.failure and not is_hurried):
        return
    if not parent.attempts_started:
        delay_ms = parent.new.delay_ms
    if delay_ms and not parent.failure:
        to_delayed(world, parent, now, leave(world, parent), delay_ms)
    else:
        _to_its_place(world, parent, now)


def defer(job: Job, failure: Failure, now: int) -> None:
    """Give a job the failure that its next claim will settle. The first one stays."""
    job.failure = job.failure or replace(failure, at=now)


def _job(world: World, ref: JobRef, serial: int) -> Job | None:
    job = world.job(ref)
    return job if job and job.serial == serial else None


def _let_go(parent: Job, child: Job) -> None:
    """No child any more. One that is followed has no mark of it; a child still names its parent."""
    ref, _ = parent.children.pop(child.serial)
    if child.serial in parent.followed:
        parent.followed.discard(child.serial)
        del child.followers[parent]
    else:
        parent.dropped[child.serial] = ref


def _reason(child: Job) -> str:
    return child.failure.reason if child.failure else ""


def _to_its_place(world: World, parent: Job, now: int) -> None:
    """To the front of `waiting`, or behind its equals if it has a priority."""
    to_ready(world, parent, now, leave(world, parent), is_front=not parent.priority)
