"""Configure, Queues, Forget."""

from typing import Final

from headrace.core import topics
from headrace.core.commands import Configure, Configured, Forget, Forgotten, QueueList, QueueRecord, Queues
from headrace.core.commands.queues import CLASSES_MAX, limited
from headrace.core.errors import NoSuchQueue, QueueNotEmpty, Refused
from headrace.core.jobs import State
from headrace.core.limits import next_start
from headrace.storage.memory.dedup import free, who_has
from headrace.storage.memory.journal import trim
from headrace.storage.memory.world import Queue, World

READY: Final[tuple[State, ...]] = ("waiting", "prioritized")


def configure(world: World, command: Configure, _now: int) -> Configured:
    queue = world.queue(command.queue)
    if command.is_paused is not None:
        if queue.is_paused and not command.is_paused:
            world.wake(topics.ready(queue.name))
        queue.is_paused = command.is_paused
    for state, keep in command.keeps.items():
        if keep == "default":
            queue.keep.pop(state, None)
        else:
            queue.keep[state] = keep
    limits = limited(queue.limits, command)
    if limits != queue.limits:
        queue.starts = queue.starts if limits.rate else ()
        queue.turns = queue.turns if limits.per_key == queue.limits.per_key else {}
        queue.limits = limits
        world.wake(topics.ready(queue.name))
    return Configured()


def queues(world: World, command: Queues, now: int) -> QueueList:
    wanted = world.queues if command.names is None else set(command.names)
    found = (world.queues[name] for name in sorted(wanted) if name in world.queues)
    return QueueList(tuple(_record(queue, command.dedup, now) for queue in found))


def forget(world: World, command: Forget, now: int) -> Forgotten | Refused:
    queue = world.queues.get(command.queue)
    if queue is None:
        return NoSuchQueue(queue=command.queue)
    if command.dedup is not None:
        return Forgotten(free(queue, command.dedup, now))
    if queue.jobs:
        return QueueNotEmpty(queue=command.queue)
    del world.queues[command.queue]
    log = world.logs.get(topics.job_events(command.queue))
    if log:
        trim(log, 0)  # its positions go on, so that a reader who comes back notices the gap
    return Forgotten()


def _record(queue: Queue, key: str | None, now: int) -> QueueRecord:
    resting_until = queue.resting_until if queue.resting_until > now else None
    startable_at = next_start(queue.limits.rate, queue.starts, now)
    return QueueRecord(
        queue.name,
        queue.is_paused,
        queue.counts(),
        resting_until,
        dict(queue.keep),
        _oldest_ms(queue, now),
        queue.limits,
        startable_at,
        None if key is None else who_has(queue, key, now),
    )


def _oldest_ms(queue: Queue, now: int) -> int | None:
    classes = sorted({job.priority for job in queue.orders["prioritized"]})[:CLASSES_MAX]
    ready = [job.ready_at for state in READY for job in queue.orders[state] if job.priority in (0, *classes)]
    return max(now - min(ready), 0) if ready else None
