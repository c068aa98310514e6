"""What becomes of a parent when a child is done, fails, is removed or is tried again."""

from headrace.core.jobs import FINISHED, Failure
from headrace.core.lifecycle import child_failed
from headrace.storage.memory.places import leave, to_delayed, to_ready
from headrace.storage.memory.world import Job, World


def waiting_parent(world: World, child: Job) -> Job | None:
    """The parent that has this child among those it waits for, whatever state that parent is in."""
    parent = world.job(child.parent_ref) if child.parent_ref else None
    return parent if parent and child.ref in parent.pending else None


def tell_completed(world: World, child: Job, now: int) -> None:
    if parent := waiting_parent(world, child):
        parent.pending.discard(child.ref)
        parent.values[child.ref] = child.result or "null"
        release_if_last(world, parent, now)


def tell_failed(world: World, child: Job, now: int) -> None:
    """Act by the child's policy. `wait` leaves the parent waiting; this release knows no third way."""
    parent = waiting_parent(world, child)
    if parent is None or child.parent is None or child.parent.policy == "wait":
        return
    parent.pending.discard(child.ref)
    if parent.state in FINISHED:
        return
    defer(parent, child_failed(child.ref.queue, child.ref.id), now)
    if parent.state in {"waiting-children", "delayed"}:
        to_ready(world, parent, now, leave(world, parent), is_front=True)


def tell_removed(world: World, child: Job, now: int) -> None:
    if parent := waiting_parent(world, child):
        parent.pending.discard(child.ref)
        release_if_last(world, parent, now)


def tell_retried(world: World, child: Job) -> None:
    """A parent that still waits for children waits for this one again; one that went on is not pulled back."""
    parent = world.job(child.parent_ref) if child.parent_ref else None
    if parent and parent.state == "waiting-children" and child.ref in parent.children:
        parent.pending.add(child.ref)
        parent.values.pop(child.ref, None)


def release_if_last(world: World, parent: Job, now: int) -> None:
    """Let a parent go on when nothing is pending: with its delay if it has not run yet, or to the front."""
    if parent.state != "waiting-children" or parent.pending:
        return
    was = leave(world, parent)
    if parent.new.delay_ms and not parent.attempts_started:
        to_delayed(world, parent, now, was, parent.new.delay_ms)
    else:
        to_ready(world, parent, now, was, is_front=True)


def defer(job: Job, failure: Failure, now: int) -> None:
    """Give a job the failure that its next claim will settle. The first one stays."""
    job.failure = job.failure or stamped(failure, now)


def stamped(failure: Failure, now: int) -> Failure:
    return Failure(failure.reason, failure.cause, failure.kind, failure.trace, failure.attempt, now)
