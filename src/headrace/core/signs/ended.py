"""Signs of a job that has finished: what became of it, and what to do about it."""

from collections.abc import Iterator
from typing import Final

from headrace.core.jobs import Cause, JobRecord
from headrace.core.signs.facts import Facts, Sign, at, command, ref

LOCKS: Final = command("locks", "list")


def it_has_completed(facts: Facts) -> Iterator[str]:
    """Nothing is left to do."""
    job = facts.job
    again = command("jobs", "retry", ref(job))
    yield f"it has completed{_at(job)}, with attempt {job.attempts_made}; to run it again: {again}"


def its_attempts_are_used_up(facts: Facts) -> Iterator[str]:
    """Its handler raised as often as it may."""
    yield from _failed(facts, "error", "mend what it says, then")


def its_handler_gave_up(facts: Facts) -> Iterator[str]:
    """Its handler said that no attempt can succeed."""
    yield from _failed(facts, "unrecoverable", "mend what it says, then")


def it_took_too_long(facts: Facts) -> Iterator[str]:
    """Its last attempt ran into its timeout."""
    yield from _failed(facts, "timeout", "find what it waits for, or give the task a larger timeout, then")


def it_was_cancelled(facts: Facts) -> Iterator[str]:
    """Somebody cancelled it, and may have said why."""
    yield from _failed(facts, "cancelled", "if that was wrong,")


def it_stalled_too_often(facts: Facts) -> Iterator[str]:
    """Its workers died, or were frozen, while they ran it."""
    yield from _failed(facts, "stalled", "look for what kills its workers: memory, a crash, a machine that slept, then")


def its_child_failed_it(facts: Facts) -> Iterator[str]:
    """A child failed for good, and was needed."""
    job = facts.job
    if job.failure is not None and job.failure.cause == "child-failed":
        mended = command("flows", "retry", ref(job))
        yield f"{_ended(job)}; mend that, then retry what has failed: {mended}"


def its_data_does_not_fit(facts: Facts) -> Iterator[str]:
    """Its data are not what its task takes."""
    yield from _failed(facts, "invalid-data", "give it other data (job.update), or mend the task, then")


def it_expired(facts: Facts) -> Iterator[str]:
    """Nobody had started it by its deadline."""
    yield from _failed(facts, "expired", "start more workers, or let it expire later; if it is still wanted,")


def a_lock_was_held(facts: Facts) -> Iterator[str]:
    """What its handler needed was another's."""
    if _met(facts.job, "Held"):
        yield f"a lock that it needs was held by another; wait longer for it (timeout), or see by whom: {LOCKS}"


def its_result_is_too_large(facts: Facts) -> Iterator[str]:
    """What its handler returned, or gave to a job that it added, is more than a store keeps."""
    if _met(facts.job, "TooLarge"):
        yield "what it returned or added is too large; store that elsewhere and say where"


def its_result_is_no_json(facts: Facts) -> Iterator[str]:
    """What its handler returned, or gave to a job that it added, cannot be stored."""
    if _met(facts.job, "NotSerialisable"):
        yield "what it returned or added cannot be written as JSON; let it return plain values"


def the_store_was_full(facts: Facts) -> Iterator[str]:
    """The disk, or the file, had no room."""
    if _met(facts.job, "StorageFull"):
        yield f"the store had no room for what it wanted to store; free some, and see: {command('doctor')}"


def a_queue_was_full(facts: Facts) -> Iterator[str]:
    """It added a job to a queue in which no more may wait."""
    if _met(facts.job, "QueueFull"):
        yield "the queue to which it added a job was full; start more workers for that, or raise its max_waiting"


def is_unrun(record: JobRecord) -> bool:
    """Whether a job failed before its handler was ever called: its child failed, or it was cancelled.

    Its one attempt is counted all the same, as BullMQ counts it.
    """
    failure = record.failure
    return record.state == "failed" and failure is not None and not failure.attempt and record.attempts_started <= 1


def _failed(facts: Facts, cause: Cause, remedy: str) -> Iterator[str]:
    job = facts.job
    if job.failure is not None and job.failure.cause == cause:
        yield f"{_ended(job)}; {remedy} retry it: {command('jobs', 'retry', ref(job))}"


def _met(job: JobRecord, kind: str) -> bool:
    """Whether an error of ours ended its last attempt; those that handlers raise are known by what they were called."""
    last = job.failures[-1] if job.failures else job.failure
    return last is not None and last.kind == kind


def _ended(job: JobRecord) -> str:
    reason = f" ({job.failure.cause}): {job.failure.reason}" if job.failure else ""
    if is_unrun(job):
        return f"it has failed{_at(job)} without having been run{reason}"
    return f"it has failed{_at(job)} after {job.attempts_made} of {job.options.attempts} attempts{reason}"


def _at(job: JobRecord) -> str:
    return f" at {at(job.finished_at)}" if job.finished_at else ""


COMPLETED: Final[tuple[Sign, ...]] = (it_has_completed,)
MET: Final[tuple[Sign, ...]] = (
    a_lock_was_held,
    its_result_is_too_large,
    its_result_is_no_json,
    the_store_was_full,
    a_queue_was_full,
)
FAILED: Final[tuple[Sign, ...]] = (
    its_attempts_are_used_up,
    its_handler_gave_up,
    it_took_too_long,
    it_was_cancelled,
    it_stalled_too_often,
    its_child_failed_it,
    its_data_does_not_fit,
    it_expired,
    *MET,
)
