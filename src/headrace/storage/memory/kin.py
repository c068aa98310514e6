"""What becomes of a parent when a child is done, fails, is removed or is tried again."""

from msgspec.structs import replace

from headrace.core.jobs import FINISHED, Failure
from headrace.core.lifecycle import child_failed
from headrace.storage.memory.places import leave, to_delayed, to_ready
from headrace.storage.memory.world import Job, World


def parent_of(world: World, child: Job) -> Job | None:
    return world.job(child.parent_ref) if child.parent_ref else None


def child_of(world: World, parent: Job, serial: int) -> Job | None:
    """The child, unless it was removed; its id may have been taken by a stranger since."""
    child = world.job(parent.children[serial][0])
    return child if child and child.serial == serial else None


def tell_completed(world: World, children: list[Job], now: int) -> None:
    """Leave each result with the parent that waits for it, then release the parents, the first child's first."""
    parents: dict[Job, None] = {}
    for child in children:
        parent = parent_of(world, child)
        if parent and child.serial in parent.pending:
            parent.pending.discard(child.serial)
            parent.values[child.serial] = child.result
            parents[parent] = None
    for parent in parents:
        release(world, parent, now)


def tell_failed(world: World, children: list[Job], now: int) -> None:
    """Act by the policy of each child. `wait` leaves the parent waiting; this release knows no third way."""
    parents: dict[Job, None] = {}
    for child in children:
        parent = parent_of(world, child)
        is_lethal = child.parent is not None and child.parent.policy != "wait"
        if parent and is_lethal and child.serial in parent.pending:
            parent.pending.discard(child.serial)
            if parent.state not in FINISHED:
                defer(parent, child_failed(child.ref.queue, child.ref.id), now)
                parents[parent] = None
    for parent in parents:
        if parent.state == "delayed":
            _to_its_place(world, parent, now)
        release(world, parent, now)


def tell_retried(world: World, child: Job) -> None:
    """A parent that still waits for children waits for this one again; one that went on is not pulled back."""
    parent = parent_of(world, child)
    if parent and parent.state == "waiting-children":
        parent.pending.add(child.serial)
        parent.values.pop(child.serial, None)


def part(world: World, jobs: list[Job], now: int) -> None:
    """Take removed jobs out of their families. A parent that waited for one forgets it, others keep the results."""
    for job in jobs:
        for serial in job.children:
            if child := child_of(world, job, serial):
                child.parent = None
    parents: dict[Job, None] = {}
    for job in jobs:
        parent = parent_of(world, job)
        if parent and job.serial in parent.pending:
            parent.pending.discard(job.serial)
            del parent.children[job.serial]
            parents[parent] = None
    for parent in parents:
        release(world, parent, now)


def release(world: World, parent: Job, now: int) -> None:
    """Let a job go on that waits for children, if none is pending or one has failed it.

    A delay it was added with begins now, unless it has run already or is to fail.
    """
    if parent.state != "waiting-children" or (parent.pending and not parent.failure):
        return
    if parent.new.delay_ms and not parent.attempts_started and not parent.failure:
        to_delayed(world, parent, now, leave(world, parent), parent.new.delay_ms)
    else:
        _to_its_place(world, parent, now)


def defer(job: Job, failure: Failure, now: int) -> None:
    """Give a job the failure that its next claim will settle. The first one stays."""
    job.failure = job.failure or replace(failure, at=now)


def _to_its_place(world: World, parent: Job, now: int) -> None:
    """To the front of `waiting`, or behind its equals if it has a priority."""
    to_ready(world, parent, now, leave(world, parent), is_front=not parent.priority)
