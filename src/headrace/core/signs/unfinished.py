"""Signs of a job that is to come, or runs; and of what may yet end it."""

from collections.abc import Iterator
from typing import Final

from headrace.core.checks import CLOCK_MS, LATE_MS
from headrace.core.lifecycle import deadline
from headrace.core.signs.facts import Facts, Sign, at, command, ref

NEW_MS: Final = 5_000  # a worker that has been there for so long has said so


def it_is_delayed(facts: Facts) -> Iterator[str]:
    """It was added, or put off by hand, for later."""
    if not _retries(facts) and not facts.job.attempts_started:
        yield f"{_until(facts)}; {_sooner(facts)}"


def it_waits_for_its_retry(facts: Facts) -> Iterator[str]:
    """An attempt failed, and the backoff says when the next one comes."""
    job = facts.job
    if _retries(facts):
        last = job.failures[-1]
        failed = f"because attempt {last.attempt} of {job.options.attempts} failed: {last.reason}"
        yield f"{_until(facts)}, {failed}; {_sooner(facts)}"


def it_was_postponed(facts: Facts) -> Iterator[str]:
    """Its handler raised `Later`, or somebody put it off after it had been started."""
    if not _retries(facts) and facts.job.attempts_started:
        yield f"{_until(facts)}, for its handler asked to run again then (Later), or it was put off; {_sooner(facts)}"


def it_is_due(facts: Facts) -> Iterator[str]:
    """Its time has come: the next claim makes it ready, so that somebody has to claim."""
    due = facts.job.due_at
    if due is not None and due <= facts.now:
        yield "its time has come; the next worker that has a slot for its queue takes it, in its turn"


def duplicates_put_it_off(facts: Facts) -> Iterator[str]:
    """Its dedup key lets each add begin anew."""
    dedup = facts.job.options.dedup
    if dedup is not None and (dedup.replaces or dedup.reschedules):
        does = "takes its place" if dedup.replaces else "lets its delay begin anew"
        yield f"each job that is added meanwhile with its dedup key {dedup.key!r} {does}; {_sooner(facts)}"


def it_runs(facts: Facts) -> Iterator[str]:
    """A worker has it."""
    job = facts.job
    for_s = max(facts.now - (job.started_at or facts.now), 0) / 1000
    since = f" since {at(job.started_at)}, for {for_s:.0f} s" if job.started_at else ""
    yield f"it runs on worker {job.worker or '?'}{since}, attempt {job.attempts_made + 1}"


def it_was_asked_to_stop(facts: Facts) -> Iterator[str]:
    """Somebody cancelled it while it ran; its handler may take its time."""
    if facts.job.is_cancel_requested:
        yield "its worker was asked to cancel it; a handler in a thread ends only if it looks at `context().cancelled`"


def its_worker_is_gone(facts: Facts) -> Iterator[str]:
    """The worker that has it does not beat any more."""
    job = facts.job
    if not _is_held(facts) and not _is_overdue(facts):
        yield (
            f"that worker gives no sign of life; the job is given back when its lease ends, at {at(job.expires_at)}, "
            "if another worker lives then"
        )


def its_worker_is_blocked(facts: Facts) -> Iterator[str]:
    """The worker that has it lives, and its event loop does not turn."""
    for worker in facts.workers:
        if worker.id == facts.job.worker and worker.blocked_ms and not worker.is_silent:
            yield (
                f"a handler has blocked the event loop of that worker for {worker.blocked_ms / 1000:.0f} s, this job's "
                f"or another; the line that does: {command('workers', 'stacks', worker.id)}"
            )


def its_lease_has_ended(facts: Facts) -> Iterator[str]:
    """Nobody gave it back: no worker lives, or none is the janitor."""
    if _is_overdue(facts):
        yield f"its lease has ended, and nobody gave it back; start a worker, or see: {command('doctor')}"


def its_worker_is_about_to_end(facts: Facts) -> Iterator[str]:
    """The worker drains: the job has until then."""
    if any(one.id == facts.job.worker and one.state == "draining" for one in facts.workers):
        yield "its worker is about to end; a job that does not end in time is given back, with no attempt used up"


def it_will_not_run(facts: Facts) -> Iterator[str]:
    """It is to fail; only a worker can record that."""
    job = facts.job
    if job.failure is None:
        return
    yield (
        f"it will not run: the next worker to take it records that it failed: {job.failure.reason}; "
        f"mend that, and retry it then"
    )


def it_may_expire(facts: Facts) -> Iterator[str]:
    """It has a deadline, and nobody has started it."""
    job = facts.job
    end = deadline(job.options, job.added_at)
    if end is not None and not job.attempts_started and job.failure is None:
        yield f"it expires at {at(end)} if nobody has started it by then"


def workers_were_lost_with_it(facts: Facts) -> Iterator[str]:
    """It has stalled, and may soon have done so too often."""
    job = facts.job
    if job.stalls and job.failure is None:
        lost = "a worker was" if job.stalls == 1 else f"{job.stalls} workers were"
        yield f"{lost} lost while running it; after more than {job.options.max_stalled} it fails: look for a crash"


def the_clock_was_set_back(facts: Facts) -> Iterator[str]:
    """It was added in what is the future by now: delays last longer by that much."""
    ahead_ms = facts.job.added_at - facts.now
    if ahead_ms > CLOCK_MS:
        late = f"{ahead_ms / 1000:.0f} s"
        yield f"the clock was set back by {late} since it was added, and a delay is longer by that; set the clock right"


def it_was_there_before(facts: Facts) -> Iterator[str]:
    """The add that gave this job stored nothing."""
    if facts.is_duplicate:
        yield (
            "what was added was a duplicate of this job, and was not stored; "
            "if it was another, give it another dedup key or job_id"
        )


def _retries(facts: Facts) -> bool:
    """Whether the last thing that happened to it was an attempt that failed."""
    job = facts.job
    return bool(job.failures) and job.failures[-1].attempt == job.attempts_made


def _is_held(facts: Facts) -> bool:
    """Whether its worker lives; one that has only just begun may not have said so yet."""
    if facts.now - (facts.job.started_at or 0) < NEW_MS:
        return True
    return facts.job.worker in {worker.id for worker in facts.workers if not worker.is_silent}


def _is_overdue(facts: Facts) -> bool:
    """Whether its lease ended so long ago that a janitor would have seen it."""
    end = facts.job.expires_at
    return end is not None and end < facts.now - LATE_MS


def _until(facts: Facts) -> str:
    return f"it is delayed until {at(facts.job.due_at)}"


def _sooner(facts: Facts) -> str:
    return f"to run it now: {command('jobs', 'promote', ref(facts.job))}"


DELAYED: Final[tuple[Sign, ...]] = (
    it_is_delayed,
    it_waits_for_its_retry,
    it_was_postponed,
    it_is_due,
    duplicates_put_it_off,
)
ACTIVE: Final[tuple[Sign, ...]] = (
    it_runs,
    it_was_asked_to_stop,
    its_worker_is_gone,
    its_worker_is_blocked,
    its_lease_has_ended,
    its_worker_is_about_to_end,
)
HISTORY: Final[tuple[Sign, ...]] = (it_may_expire, workers_were_lost_with_it, the_clock_was_set_back)
