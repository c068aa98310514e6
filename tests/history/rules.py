"""The rules that a history and what is left must keep, each a function that yields what breaks it.

A reply that nobody got excuses what may have happened. A history in which too little happened says nothing: `unknown`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Final as Constant
from typing import NamedTuple

from headrace.core.jobs import FINISHED, JobRef, NewJob
from tests.history.final import Final
from tests.history.history import History


class Finding(NamedTuple):
    """What was broken, by which job, and how."""

    rule: str
    about: object
    says: str


Rule = Callable[[History, Final], Iterator[tuple[object, str]]]
Key = tuple[str, str, str]


def lost(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """What was acknowledged is there in the end."""
    records = final.records
    for ref in history.jobs:
        if ref not in records and not history.is_removed(ref):
            yield ref, "it was acknowledged, and is not there"


def stuck(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """At rest every job is finished."""
    for ref, record in final.records.items():
        if record.state not in FINISHED:
            yield ref, f"it is {record.state}, and nobody will end that"


def phantom(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A job that is there, or was given to a worker, was asked for."""
    for key, count in _surplus(history, final).items():
        if key not in _keys(history, of_acknowledged=True):
            yield key, f"{count} more than were asked for"


def double_add(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """However often one request is sent, its jobs are stored once."""
    told: dict[str, tuple[JobRef, ...]] = {}
    for asked, answer in history.adds.values():
        if asked.request_id is not None and answer is not None and answer.refs is not None:
            first = told.setdefault(asked.request_id, answer.refs)
            if first != answer.refs:
                yield asked.request_id, f"it was answered with {first} and with {answer.refs}"
    for key, count in _surplus(history, final).items():
        if key in _keys(history, of_acknowledged=True):
            yield key, f"{count} more than were asked for"


def flow_atomic(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Of a flow there is all or nothing, whether somebody was told or not."""
    records = final.records
    for asked, _ in history.adds.values():
        families = Counter(JobRef(job.parent.queue, job.parent.id) for job in asked.jobs if job.parent is not None)
        mine = {JobRef(job.queue, job.id) for job in asked.jobs if job.id is not None and job.has_children}
        there = [ref for ref in mine if ref in records]
        if there and len(there) < len(mine) and not any(map(history.is_removed, mine)):
            yield sorted(mine), f"only {there} are there"
        for ref in there:
            if records[ref].children < families[ref]:
                yield ref, f"it has {records[ref].children} of {families[ref]} children"


def double_outcome(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A life of a job has one outcome for good, in the eyes of workers and in the log."""
    for ref in history.endings:
        for first, second in pairwise(history.accepted(ref)):
            if not _lives_between(history, ref, first.asked_at, second.told_at):
                yield ref, f"{first.settlement.token} and {second.settlement.token} were both told that theirs counts"
    for ref, events in final.events.items():
        ends = sum(event.state in FINISHED for event in events)
        retries = sum(touch.action == "retry" for touch in history.touched[ref])
        if ends > 1 + retries:
            yield ref, f"its log has {ends} outcomes"


def outcome_changed(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """The outcome that was accepted is the one that stays."""
    records = final.records
    for ref in history.endings:
        accepted, record = history.accepted(ref), records.get(ref)
        if not accepted or record is None or history.touched[ref]:
            continue
        said = accepted[-1].settlement
        if record.state in FINISHED and (record.state, record.result) != (said.to, said.result):
            yield ref, f"accepted was {said.to} {said.result}, and it is {record.state} {record.result}"


def resurrected(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A finished job does not run."""
    for ref, starts in history.starts.items():
        for ending in history.accepted(ref)[:1]:
            for start in starts:
                if start.asked_at > ending.told_at and not history.has_retried(ref, start.at):
                    yield ref, f"run {start.run} began after its outcome was recorded"


def never_ran(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """What is completed was completed by a worker."""
    for ref, record in final.records.items():
        wanted = [end for end in history.endings[ref] if end.may_count and end.settlement.to == "completed"]
        if record.state == "completed" and not wanted:
            yield ref, "nobody asked to complete it"


def token(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Each run has a number and a token of its own, and they come in order of time."""
    for ref, starts in history.starts.items():
        for first, second in pairwise(starts):
            if second.run <= first.run or second.token == first.token:
                yield ref, f"runs {first.run} ({first.token}) and {second.run} ({second.token})"
            elif second.at < first.asked_at:
                yield ref, f"run {second.run} was given out before run {first.run}"


def fence(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Once a job was given to another worker, the first one's outcome is refused."""
    for ref, starts in history.starts.items():
        for first, second in pairwise(starts):
            late = [end for end in history.ends_of(first) if end.is_accepted and end.asked_at > second.at]
            if late:
                yield ref, f"run {first.run} was accepted although run {second.run} had begun"


def double_run(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """While a lease lasts, nobody else gets the job."""
    for ref, starts in history.starts.items():
        for first, second in pairwise(starts):
            ends = max(first.lease_ends, history.lease_ends.get(first.token, 0))
            gave_back = [end for end in history.ends_of(first) if end.may_count and end.asked_at <= second.at]
            if second.clock < ends and not gave_back:
                yield ref, f"run {second.run} began {ends - second.clock} ms before the lease of run {first.run} ended"


def too_many_runs(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A job uses up its attempts and no more."""
    for ref, job in history.jobs.items():
        if history.touched[ref]:
            continue
        failed = [end for end in history.endings[ref] if end.is_accepted and end.settlement.failure is not None]
        counted = sum(end.settlement.failure is not None and end.settlement.failure.attempt > 0 for end in failed)
        if counted > job.options.attempts:
            yield ref, f"{counted} attempts failed, it may have {job.options.attempts}"


def early(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Nothing starts before its time: its delay, or the pause before the next attempt."""
    for ref, starts in history.starts.items():
        job = history.jobs.get(ref)
        if history.touched[ref] or job is None:
            continue
        due_at = starts[0].added_at + job.delay_ms
        if starts[0].reached < due_at and job.delay_ms:
            yield ref, f"it began {due_at - starts[0].reached} ms before it was due"
        for first, second in pairwise(starts):
            for end in filter(attrgetter("is_accepted"), history.ends_of(first)):
                pause_ms = end.settlement.delay_ms
                if second.reached < end.clock + pause_ms and not second.is_deferred:
                    yield ref, f"run {second.run} began before the pause of {pause_ms} ms was over"


def parent_early(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A parent runs when all its children are done."""
    for ref, job in history.jobs.items():
        if job.parent is None or history.touched[ref]:
            continue
        done = [end for end in history.endings[ref] if end.may_count and end.settlement.to == "completed"]
        for start in history.starts[JobRef(job.parent.queue, job.parent.id)]:
            if not start.is_deferred and not any(end.asked_at <= start.at for end in done):
                yield start.ref, f"run {start.run} began before its child {ref} was done"


def one_state(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """A job is in one list, the one of its state."""
    seen = Counter(JobRef(job.queue, job.id) for jobs in final.lists.values() for job in jobs)
    yield from ((ref, f"it is in {count} lists") for ref, count in seen.items() if count > 1)
    for (queue, state), jobs in final.lists.items():
        yield from ((f"{queue}/{job.id}", f"{job.state}, listed as {state}") for job in jobs if job.state != state)


def counts(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """What is counted is what is listed."""
    for place, count in final.counts.items():
        if count != len(final.lists[place]):
            yield place, f"{count} counted, {len(final.lists[place])} listed"


def audit_missing(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """What was recorded is in the log, and the log ends where the job is."""
    records = final.records
    for ref, record in records.items():
        events = final.events.get(ref, [])
        if final.is_whole and (not events or events[-1].state != record.state):
            yield ref, f"it is {record.state}, its log ends with {events[-1].state if events else 'nothing'}"


def audit_illegal(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Each entry of a job begins where the one before ended."""
    for ref, events in final.events.items():
        for first, second in pairwise(events):
            if second.was != first.state and final.is_whole:
                yield ref, f"{first.was} -> {first.state}, then {second.was} -> {second.state}"


def audit_gap(history: History, final: Final) -> Iterator[tuple[object, str]]:
    """Positions are consecutive."""
    yield from (("log", hole) for hole in final.holes)


RULES: Constant[dict[str, Rule]] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        lost, stuck, phantom, double_add, flow_atomic, double_outcome, outcome_changed, resurrected, never_ran, token,
        fence, double_run, too_many_runs, early, parent_early, one_state, counts, audit_missing, audit_illegal,
        audit_gap,
    )
}  # fmt: skip


def findings(history: History, final: Final, *, least: int = 1) -> list[Finding]:
    """Everything that is wrong; `unknown` alone when fewer than `least` jobs were acknowledged, or nothing ran."""
    if len(history.jobs) < least or not history.starts:
        return [Finding("unknown", len(history.jobs), "too little happened; this run says nothing")]
    return [Finding(name, *found) for name, rule in RULES.items() for found in rule(history, final)]


def _surplus(history: History, final: Final) -> Counter[Key]:
    """Jobs that were seen and of which nobody was told, beyond those whose Add was not answered."""
    is_open = any(told is None for _, told in history.adds.values())  # then one that ran and is gone may be ours
    seen = set(final.records) if is_open else {*final.records, *history.starts}
    strangers = Counter(_key(ref, final, history) for ref in seen if ref not in history.jobs)
    return strangers - _keys(history, of_acknowledged=False)


def _key(ref: JobRef, final: Final, history: History) -> Key:
    record = final.records.get(ref)
    return (ref.queue, record.name, record.data) if record else (ref.queue, "?", ref.id)


def _keys(history: History, *, of_acknowledged: bool) -> Counter[Key]:
    """What was asked for and acknowledged; or what was asked for, never answered, and not acknowledged later."""
    answered = {asked.request_id for asked, told in history.adds.values() if told and told.refs is not None}
    found: Counter[Key] = Counter()
    open_requests: set[str | None] = set()
    for asked, told in history.adds.values():
        if of_acknowledged:
            wanted = told is not None and told.refs is not None
        else:
            request = asked.request_id
            wanted = told is None and (request is None or (request not in answered and request not in open_requests))
            if wanted:
                open_requests.add(request)
        found.update(map(_job_key, asked.jobs if wanted else ()))
    return found


def _job_key(job: NewJob) -> Key:
    return job.queue, job.name, job.data


def _lives_between(history: History, ref: JobRef, first: int, last: int) -> bool:
    return any(touch.action == "retry" and first <= touch.at <= last for touch in history.touched[ref])
