"""Signs of the place that a ready job has in the line of its queue."""

from collections.abc import Iterator
from typing import Final

from headrace.core.limits import key_of
from headrace.core.signs.facts import Facts, Sign, command, count, ref, some
from headrace.core.signs.queues import QUEUE
from headrace.core.signs.workers import free


def it_is_next(facts: Facts) -> Iterator[str]:
    """Nobody comes before it."""
    if not facts.line.is_cut and not _before(facts):
        yield "it is next"


def others_come_first(facts: Facts) -> Iterator[str]:
    """Others stand before it in the line."""
    number = _before(facts)
    if facts.line.is_cut:
        yield f"it is behind more than {number} other jobs; {_sooner(facts)}"
    elif number:
        yield f"it is behind {count(number, 'other job')}; {_sooner(facts)}"


def higher_priorities_come_first(facts: Facts) -> Iterator[str]:
    """Jobs of a higher priority go before it, also those that are added after it."""
    if not facts.job.priority:
        return
    number = facts.line.more + sum(job.priority < facts.job.priority for job in facts.line.before)
    if number:
        first = command("jobs", "set", ref(facts.job), "--priority", 1)
        yield f"{number} of them {'has' if number == 1 else 'have'} a higher priority; to raise its own: {first}"


def keys_take_turns(facts: Facts) -> Iterator[str]:
    """The queue is fair between keys, so that the line is not one line."""
    if facts.key is None or not _before(facts):
        return
    member, key = facts.key
    same = sum(key_of(member, job.data) == key for job in facts.line.before)
    yield f"each {member} of the queue {facts.job.queue} has its turn, and {same} of {key!r} come before it; wait"


def a_slot_is_free(facts: Facts) -> Iterator[str]:
    """Nothing is in its way: it runs in a moment, or something is wrong with a worker."""
    workers = free(facts)
    if not facts.line.is_cut and not _before(facts) and workers and not any(list(sign(facts)) for sign in QUEUE):
        ping = command("workers", "ping", workers[0].id)
        yield f"{some(worker.id for worker in workers)} can take it; if it stays, see whether that answers: {ping}"


def _before(facts: Facts) -> int:
    return facts.line.more + len(facts.line.before)


def _sooner(facts: Facts) -> str:
    if facts.job.priority:
        return "start more workers, or wait"
    return "start more workers, or give those that can wait a priority"


LINE: Final[tuple[Sign, ...]] = (
    it_is_next,
    a_slot_is_free,
    others_come_first,
    higher_priorities_come_first,
    keys_take_turns,
)
