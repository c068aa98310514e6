"""Commands as the arguments of their scripts, after the prefix and the instant. Lists travel as MessagePack."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from headrace.core.commands import Add, Claim, Recover, Settle, Settlement, Source
from headrace.core.commands.jobs import UNTOLD
from headrace.core.jobs import Keep, NewJob, Options
from headrace.core.lifecycle import expiry, reception
from headrace.core.tallies import bucket
from headrace.storage.redis.call import pack as _pack
from headrace.storage.redis.failures import trace_of
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.options import FLAGS, opts_json
from headrace.storage.redis.packing import Word

_PLAIN_MAX: Final = 12  # what every job has, and a child
REQUEST_MS: Final = 10 * 60 * 1000  # how long the answer to an Add is kept for its repetition

_json: Final = msgspec.json.Encoder().encode


def add(command: Add, keys: Keys) -> tuple[Word, ...]:
    jobs = _pack(_jobs(command.jobs, keys))
    # Made bytes here, where a text that cannot be fails alone: what is sent goes together with that of others.
    return (command.request_id or "").encode(), REQUEST_MS, jobs, (command.token or "").encode()


def claim(command: Claim, _: Keys) -> tuple[Word, ...]:
    return command.token.encode(), command.limit, _usual(command.lease_ms, command.worker, command.sources)


def settle(command: Settle, _: Keys) -> tuple[Word, ...]:
    return (_pack(_settlements(command.settlements)),)


def turn(commands: tuple[Settle, Claim], keys: Keys) -> tuple[Word, ...]:
    return settle(commands[0], keys) + claim(commands[1], keys)


def recover(command: Recover, _: Keys) -> tuple[Word, ...]:
    return (command.limit,)


def _jobs(jobs: Sequence[NewJob], keys: Keys) -> list[tuple[object, ...]]:
    """Plain jobs that follow each other and differ in their data are one entry, with the data of all."""
    entries: list[tuple[object, ...]] = []
    last: tuple[object, ...] | None = None
    data: list[str] = []
    for job in jobs:
        if not _is_plain(job):
            entries.append(_job(job, keys))
            last = None
            continue
        kind = job.queue, job.name, job.options, job.priority, job.delay_ms
        if kind != last:
            last, data = kind, []
            queue, job_id, name, _, *rest = _plain(job, keys)
            entries.append((queue, job_id, name, data, *rest))
        data.append(job.data)
    return entries


def _is_plain(job: NewJob) -> bool:
    """Whether it has no id, no family, and no more options than any job."""
    options = job.options
    has_more = options.dedup is not None or options.expires_ms is not None or job.follows
    return job.id is None and job.parent is None and not job.has_children and not has_more


def _job(job: NewJob, keys: Keys) -> tuple[object, ...]:
    options = job.options
    if options.dedup is not None or options.expires_ms is not None or job.follows:
        plain = _plain(job, keys)
        rest = options.expires_ms, _late(options), _dedup(job), _follows(job)
        return *plain, *(None,) * (_PLAIN_MAX - len(plain)), *rest
    return _plain(job, keys)


def _late(options: Options) -> str | None:
    """The reason with which a job fails that nobody has started in time."""
    late = expiry(options, 0, 0, options.expires_ms or 0)
    return late.reason if late else None


def _dedup(job: NewJob) -> tuple[object, ...] | None:
    """The key, and what the job does to an owner that is delayed, and to one that runs, if its end ends the key."""
    dedup = job.options.dedup
    if dedup is None:
        return None
    delayed, active = (reception(job, state, is_until_finished=True) for state in ("delayed", "active"))
    return dedup.key, dedup.ttl_ms or 0, dedup.is_forever, dedup.extends, delayed, active


def _follows(job: NewJob) -> list[tuple[str, str, str]] | None:
    return [(follow.queue, follow.id, follow.bond) for follow in job.follows] or None


def _plain(job: NewJob, keys: Keys) -> tuple[object, ...]:
    options, parent = job.options, job.parent
    if parent is None:
        opts = opts_json(job, None)
        return (
            job.queue, job.id, job.name, job.data, opts, job.priority, job.delay_ms, options.lifo, job.has_children,
        )  # fmt: skip
    parent_queue = keys.queue(parent.queue)
    inside: dict[str, object] = {"id": parent.id, "queueKey": parent_queue}
    if parent.policy in FLAGS:
        inside[FLAGS[parent.policy]] = True
    return (
        job.queue, job.id, job.name, job.data, opts_json(job, parent_queue), job.priority, job.delay_ms, options.lifo,
        job.has_children, parent.queue, parent.id, _json(inside).decode(),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _usual(lease_ms: int, worker: str, sources: tuple[Source, ...]) -> bytes:
    """What a worker says again and again."""
    named = [(source.queue, None if source.names is None else dict.fromkeys(source.names, True)) for source in sources]
    return _pack((lease_ms, worker, named))


def _settlements(settlements: Iterable[Settlement]) -> list[list[object]]:
    """Successes of one kind that follow each other are one entry; all else has one of its own."""
    entries: list[list[object]] = []
    last: tuple[object, ...] | None = None
    entry: list[object] = []
    for s in settlements:
        kind = s.queue, s.token, s.to, s.name, s.keep
        is_success = s.to == "completed" and s.is_counted and not s.rest_ms
        if not is_success or kind != last:
            more = False if is_success else (not s.is_counted, s.delay_ms, s.rest_ms or None, s.is_front, *_failure(s))
            entry = [s.queue, s.token, s.to, s.name, *_bounds(s.keep), more]
            entries.append(entry)
            last = kind if is_success else None
        result = (s.result if s.result is not None else "null") if s.to == "completed" else False
        entry += s.id, bucket(s.waited_ms), result
    return entries


def _bounds(keep: Keep | None) -> tuple[int | Literal[False], ...]:
    """False where there is none: Lua cannot count a list with holes."""
    bounds = (keep.count, keep.age_ms) if keep else (None, None)
    return tuple([False if bound is None else bound for bound in bounds])


def _failure(settlement: Settlement) -> tuple[str | None, ...]:
    """The reason, the trace if an attempt was made, the record, the cause if it is final."""
    failure = settlement.failure
    cause = (failure or UNTOLD).cause if settlement.to == "failed" else None
    if failure is None:
        return None, None, None, cause
    written = _json(msgspec.structs.replace(failure, at=0)).decode()  # the script appends the instant
    return failure.reason, trace_of(failure) if failure.attempt else None, written, cause


ARGUMENTS: Final[dict[type, Callable[[Any, Keys], tuple[Word, ...]]]] = {
    Add: add,
    Claim: claim,
    Settle: settle,
    Recover: recover,
}
