"""The end of a job by failure: what it means to others, and what is kept of it."""

from collections import deque

from msgspec.structs import replace

from headrace.core import topics
from headrace.core.commands.changes import FAMILY_MAX
from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.jobs import FINISHED, Failure, Keep
from headrace.core.lifecycle import FAMILY_STARTS, sibling_failed
from headrace.storage.memory import dedup, kin
from headrace.storage.memory.places import to_finished
from headrace.storage.memory.remove import erase
from headrace.storage.memory.storing import store
from headrace.storage.memory.world import Job, World


def fail(world: World, job: Job, failure: Failure, now: int) -> None:
    job.failure = replace(failure, at=now)
    to_finished(world, job, now, "failed", failure.cause)


def retain(world: World, job: Job, keep: Keep | None, now: int) -> None:
    """Remove the oldest finished jobs of the queue and state of this one that are beyond the bounds; of 0, only it."""
    if keep is None or job.state not in FINISHED:
        return
    if keep.count == 0:
        erase(world, [job] if world.job(job.ref) is job else [], now)
        return
    order = world.queues[job.ref.queue].orders[job.state]
    surplus = 0 if keep.count is None else len(order) - keep.count
    doomed: list[Job] = []
    for old in order:
        is_old = keep.age_ms is not None and old.key[0] <= now - keep.age_ms
        if len(doomed) == PAGE_MAX or not (is_old or len(doomed) < surplus):
            break
        doomed.append(old)
    erase(world, doomed, now)


def cancel(world: World, job: Job, failure: Failure, now: int) -> None:
    """Ask the worker of an active job; should its run end otherwise than finished, the next claim fails the job."""
    if job.state == "active":
        _ask(world, job, failure, now)
        return
    fail(world, job, failure, now)
    tell_failed(world, [job], now)
    store(world, dedup.finish(world, [job]), now)
    retain(world, job, job.options.keep_failed, now)


def tell_failed(world: World, jobs: list[Job], now: int) -> None:
    """Tell those who wait for these jobs; then cancel the siblings that are needed no more."""
    call_off(world, kin.tell_failed(world, kin.ties_of(world, jobs), now), now)


def call_off(world: World, decided: list[tuple[Job, Job]], now: int) -> None:
    """Cancel what is below each parent, the child that failed decides for it; and so on, if that ends other parents."""
    free = deque(decided)
    seen: set[Job] = set()
    while free:
        parent, failed = free.popleft()
        if parent in seen:
            continue
        seen.add(parent)
        for job in kin.family(world, parent)[1 : FAMILY_MAX + 1]:
            if world.job(job.ref) is not job or job.state not in FAMILY_STARTS["cancel"]:
                continue
            why = sibling_failed(failed.ref.queue, failed.ref.id)
            if job.state == "active":
                _ask(world, job, why, now)
            else:
                fail(world, job, why, now)
                free += kin.tell_failed(world, kin.ties_of(world, [job]), now)
                store(world, dedup.finish(world, [job]), now)
                retain(world, job, job.options.keep_failed, now)


def _ask(world: World, job: Job, failure: Failure, now: int) -> None:
    job.is_cancel_requested = True
    kin.defer(job, failure, now)
    world.wake(topics.CONTROL)
