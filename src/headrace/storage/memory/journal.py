"""Appending to logs, and the events that transitions of jobs leave there."""

import msgspec

from headrace.core import topics
from headrace.core.jobs import Cause, JobRef, State
from headrace.core.log import EVENTS_MAX, EVENTS_SLACK, Change, Entry, Happening
from headrace.storage.memory.world import Job, Log, World


def append(world: World, channel: str, bodies: tuple[str, ...], key: str, now: int) -> Log:
    log = world.logs.setdefault(channel, Log())
    for body in bodies:
        log.last += 1
        log.entries.append(Entry(log.last, now, key, body))
    if bodies:
        world.wake(topics.log(channel))
    return log


def trim(log: Log, keep: int) -> int:
    """Forget all but the newest `keep` entries; how many went."""
    surplus = max(len(log.entries) - keep, 0)
    del log.entries[:surplus]
    return surplus


def happened(
    world: World, job: Job, now: int, state: Happening, was: State | None = None, cause: Cause | None = None
) -> None:
    tell(world, job.ref, now, Change(state, was, cause))


def tell(world: World, job: JobRef, now: int, change: Change) -> None:
    """Append what happened to a job, which may be gone."""
    log = append(world, topics.job_events(job.queue), (msgspec.json.encode(change).decode(),), job.id, now)
    if len(log.entries) > EVENTS_MAX + EVENTS_SLACK:
        trim(log, EVENTS_MAX)
