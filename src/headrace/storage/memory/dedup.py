"""Dedup keys: who has them, what a duplicate does, and when they are free again."""

from headrace.core.commands import DedupRecord
from headrace.core.jobs import Dedup, JobRef, NewJob
from headrace.core.lifecycle import Reception, reception
from headrace.core.log import Change
from headrace.storage.memory.journal import tell
from headrace.storage.memory.places import leave, to_delayed
from headrace.storage.memory.remove import drop, key_of, lose_key
from headrace.storage.memory.world import Job, Queue, Taken, World


def taken(world: World, queue: str, dedup: Dedup | None, now: int) -> Taken | None:
    """The dedup key of a job of this queue, if it is taken."""
    if dedup is None or queue not in world.queues:
        return None
    found = world.queues[queue].dedups.get(dedup.key)
    return None if found is None or found.is_over(now) else found


def receive(world: World, key: Taken, new: NewJob, now: int) -> Reception:
    """Do what a duplicate does. One that `replaces` is still to be stored: the key is free for it."""
    dedup = new.options.dedup
    assert dedup is not None
    owner = world.job(key.ref)
    if owner is not None and owner.serial != key.owner:
        owner = None  # it is gone, and another has its id
    tell(world, key.ref, now, Change("deduplicated"))
    if dedup.extends and dedup.ttl_ms is not None and key.expires_at is not None:
        key.expires_at = max(key.expires_at, now + dedup.ttl_ms)
    does = reception(new, owner.state if owner else None, is_until_finished=key.is_until_finished)
    if owner and does == "replaces":
        drop(world, [owner], now)
    elif owner and does == "reschedules":
        to_delayed(world, owner, now, leave(world, owner), new.delay_ms)
    elif does == "kept":
        key.kept = new
    return does


def take(world: World, job: Job, now: int, before: Taken | None = None) -> None:
    """Give a job the key that it was added with, unless that is taken; it lasts as it did for the job `before`."""
    dedup = job.options.dedup
    if dedup is None or taken(world, job.ref.queue, dedup, now):
        return
    expires_at = None if dedup.ttl_ms is None else now + dedup.ttl_ms
    is_forever = dedup.is_forever
    if before is not None:
        expires_at, is_forever = before.expires_at, before.is_forever
    world.queues[job.ref.queue].dedups[dedup.key] = Taken(job.serial, job.ref, expires_at, is_forever)


def retake(world: World, job: Job, now: int) -> None:
    """A finished job is retried: until it has finished again it has its key, if nobody else has it."""
    if job.options.dedup is not None and job.options.dedup.is_until_finished:
        take(world, job, now)


def finish(world: World, jobs: list[Job]) -> tuple[NewJob, ...]:
    """Jobs have finished, and so have the keys that last until then: the jobs that were kept for it."""
    kept: list[NewJob] = []
    for job in jobs:
        key = key_of(world, job)
        if key is not None and key.is_until_finished:
            kept += [key.kept] if key.kept is not None else []
            lose_key(world, job)
    return tuple(kept)


def forget_old(world: World, now: int) -> None:
    """Forget the keys whose time is over."""
    for queue in world.queues.values():
        queue.dedups = {name: key for name, key in queue.dedups.items() if not key.is_over(now)}


def who_has(queue: Queue, key: str, now: int) -> DedupRecord | None:
    """The key, if it is taken."""
    found = queue.dedups.get(key)
    if found is None or found.is_over(now):
        return None
    return DedupRecord(found.ref, found.expires_at, found.is_forever, found.kept is not None)


def free(queue: Queue, key: str, now: int) -> JobRef | None:
    """Forget a key by hand; the job that had it."""
    found = queue.dedups.pop(key, None)
    return None if found is None or found.is_over(now) else found.ref
