"""What the limits of a queue mean: whom an Add refuses, how many jobs a Claim may take, and which are next."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from headrace.core.errors import QueueFull
from headrace.core.jobs import NewJob, State
from headrace.core.limits import NONE, Capacity, admits, key_of, left, queue_full, startable
from headrace.storage.memory.world import Job, Queue, World


def refusal(world: World, jobs: Iterable[NewJob]) -> QueueFull | None:
    """Why these jobs, all of them new, cannot be added: the first one that finds its queue or its key full."""
    new = list(jobs)
    by_queue = Counter(job.queue for job in new)
    by_key = Counter((job.queue, _key(world, job)) for job in new)
    for (name, key), jobs_of_key in by_key.items():
        queue = world.queues.get(name)
        if queue is None or queue.limits == NONE:
            continue
        limits = queue.limits
        of_queue = Capacity(limits.concurrency, limits.max_waiting)
        if not admits(of_queue, len(queue.orders["active"]), _waiting(queue.counts()), by_queue[name]):
            return queue_full(name, limits.max_waiting or 0)
        for member, capacity in (limits.per_key or {}).items():
            if key is not None and not admits(capacity, *_of_key(queue, member, key), jobs_of_key):
                return queue_full(name, capacity.waiting or 0, member, key)
    return None


def free(queue: Queue) -> int:
    """How many jobs more may run at once."""
    return left(queue.limits.concurrency, len(queue.orders["active"]))


def claimable(queue: Queue, now: int) -> int:
    """How many jobs may be claimed now, as far as the limits of the whole queue go."""
    return min(free(queue), startable(queue.limits.rate, queue.starts, now))


def in_turn(queue: Queue, ready: Iterator[Job], limit: int) -> list[Job]:
    """The next jobs, at most so many: in order, or where there are limits per key, fairly.

    A key whose jobs run as often as they may is passed over. Of the others that one is next which waits longest for
    its turn: since its first job came, or since it had its last turn. Jobs without a key share turns of their own.
    """
    taken: list[Job] = []
    if not queue.limits.per_key:
        return [job for job, _ in zip(ready, range(limit), strict=False)]
    ((member, capacity),) = queue.limits.per_key.items()
    lines: dict[str | None, list[Job]] = {}
    for job in ready:
        lines.setdefault(key_of(member, job.new.data), []).append(job)
    running = Counter(key_of(member, job.new.data) for job in queue.orders["active"])
    standing = {key_of(member, job.new.data) for state in ("waiting", "prioritized") for job in queue.orders[state]}
    queue.turns = {key: turn for key, turn in queue.turns.items() if key in standing}
    while len(taken) < limit:
        able = [key for key, line in lines.items() if line and (key is None or left(capacity.running, running[key]))]
        if not able:
            break
        key = min(able, key=lambda key: _turn(queue, key, lines[key][0]))
        taken.append(lines[key].pop(0))
        running[key] += 1
        queue.back += 1
        queue.turns[key] = queue.back
    return taken


def _turn(queue: Queue, key: str | None, first: Job) -> tuple[int, int]:
    """Priority goes before fairness; a job that came to the front goes as soon as its key has its turn."""
    priority, position = first.key
    return priority, max(position, queue.turns.get(key, position))


def _waiting(counts: Mapping[State, int]) -> int:
    """What was accepted and neither runs nor has finished."""
    return sum(counts[state] for state in ("waiting", "prioritized", "delayed", "waiting-children"))


def _key(world: World, job: NewJob) -> str | None:
    queue = world.queues.get(job.queue)
    members: Iterator[str] = iter(queue.limits.per_key or {}) if queue else iter(())
    return next((key_of(member, job.data) for member in members), None)


def _of_key(queue: Queue, member: str, key: str) -> tuple[int, int]:
    """How many jobs of a key run, and how many wait."""
    counts = Counter(job.state for job in queue.jobs.values() if key_of(member, job.new.data) == key)
    return counts["active"], _waiting({state: counts[state] for state in queue.orders})
