"""Signs of a queue that gives out nothing now, or no job of this key."""

from collections.abc import Iterator
from typing import Final

from headrace.core.limits import key_of
from headrace.core.signs.facts import Facts, Sign, at, command


def queue_is_paused(facts: Facts) -> Iterator[str]:
    """Somebody paused the queue."""
    if facts.queue and facts.queue.is_paused:
        name = facts.queue.name
        yield f"the queue {name} is paused; let it go on: {command('queues', 'resume', name)}"


def queue_rests(facts: Facts) -> Iterator[str]:
    """A job of the queue was `RateLimited`."""
    if facts.queue and facts.queue.resting_until is not None:
        until = at(facts.queue.resting_until)
        yield f"the queue {facts.queue.name} rests until {until}, because a job of it was RateLimited; wait"


def queue_is_at_its_concurrency(facts: Facts) -> Iterator[str]:
    """The queue runs as many jobs as it may."""
    if facts.queue is None:
        return
    name, most, active = facts.queue.name, facts.queue.limits.concurrency, facts.queue.counts["active"]
    if most is not None and active >= most:
        raised = command("queues", "limit", name, "--concurrency", active + 1)
        yield (
            f"the queue {name} runs as many jobs as it may: {active}, with a concurrency of {most}; "
            f"wait, or raise it: {raised}"
        )


def queue_has_used_up_its_rate(facts: Facts) -> Iterator[str]:
    """As many jobs of the queue as may have started lately."""
    queue = facts.queue
    if queue and queue.limits.rate is not None and queue.startable_at is not None:
        rate = f"{queue.limits.rate.most} in {queue.limits.rate.per_ms / 1000:g} s"
        yield (
            f"the queue {queue.name} has used up its rate, {rate}, until {at(queue.startable_at)}; "
            f"wait, or raise it: {command('queues', 'limit', queue.name, '--rate')} N/SPAN"
        )


def key_is_at_its_limit(facts: Facts) -> Iterator[str]:
    """Others of its key run as often as they may, as far as one page shows."""
    if facts.queue is None or facts.key is None:
        return
    member, key = facts.key
    most = (facts.queue.limits.per_key or {})[member].running
    running = sum(key_of(member, job.data) == key for job in facts.active)
    if most is not None and running >= most:
        yield (
            f"the {member} {key!r} runs as many jobs as it may: {running}; "
            f"wait, or raise per_key of the queue {facts.queue.name}"
        )


QUEUE: Final[tuple[Sign, ...]] = (
    queue_is_paused,
    queue_rests,
    queue_is_at_its_concurrency,
    queue_has_used_up_its_rate,
    key_is_at_its_limit,
)
