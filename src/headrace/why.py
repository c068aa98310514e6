"""Why does this job not run? Sentences, the nearest reason first."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeAlias

from headrace.client import Client
from headrace.core.commands import Find, Get, Node, QueueRecord, Queues, Tree, WorkerRecord, Workers
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import NoSuchJob
from headrace.core.jobs import JobRecord, JobRef, State
from headrace.core.lifecycle import deadline
from headrace.core.limits import key_of

PLACES_MAX: Final = 100  # jobs ahead that are counted one by one: their records may be large
NAMED_MAX: Final = 5  # children, workers or tasks named in one sentence


async def why(client: Client, ref: JobRef) -> list[str]:
    """Why the job waits, where it runs, or how it ended; `NoSuchJob` if it is gone."""
    (record,) = (await client.run(Get((ref,)))).jobs
    if record is None:
        raise NoSuchJob(queue=ref.queue, id=ref.id)
    return await _REASONS[record.state](client, record)


async def _ready(client: Client, record: JobRecord) -> list[str]:
    sentences = [
        *_deferred(record),
        *await _standstill(client, record),
        await _place(client, record),
        *_history(record),
    ]
    return [sentence for sentence in sentences if sentence]


async def _delayed(client: Client, record: JobRecord) -> list[str]:
    until = f"it is delayed until {_time(record.due_at)}" if record.due_at else "it is delayed"
    last = record.failures[-1] if record.failures else None
    if last is not None:
        until += f", because attempt {last.attempt} of {record.options.attempts} failed: {last.reason}"
    standstill = [sentence for sentence in await _standstill(client, record) if sentence]
    return [until, *_duplicates(record), *standstill, *_history(record)]


async def _active(client: Client, record: JobRecord) -> list[str]:
    since = f" since {_time(record.started_at)}" if record.started_at else ""
    sentences = [f"it runs on worker {record.worker or '?'}{since}, attempt {record.attempts_made + 1}"]
    if record.is_cancel_requested:
        sentences.append("its worker was asked to cancel it")
    if record.worker not in {worker.id for worker in (await client.run(Workers())).workers}:
        end = _time(record.expires_at)
        sentences.append(f"that worker gives no sign of life; the job is given back when its lease ends, at {end}")
    return [*sentences, *_history(record)]


async def _waiting_children(client: Client, record: JobRecord) -> list[str]:
    nodes = (await client.run(Tree(JobRef(record.queue, record.id), depth=1))).nodes
    # First those that somebody must do something about.
    pending = sorted((node for node in nodes[1:] if node.is_pending), key=_runs_by_itself)
    sentences = [_child(node) for node in pending[:NAMED_MAX]]
    if len(pending) > NAMED_MAX:
        sentences.append(f"it waits for {len(pending) - NAMED_MAX} children more")
    return [*(sentences or ["it waits for children"]), *_history(record)]


async def _completed(_: Client, record: JobRecord) -> list[str]:
    return [f"it has completed{_at(record)}, with attempt {record.attempts_made}"]


async def _failed(_: Client, record: JobRecord) -> list[str]:
    failure = record.failure
    reason = f" ({failure.cause}): {failure.reason}" if failure else ""
    if is_unrun(record):
        return [f"it has failed{_at(record)} without having been run{reason}"]
    return [f"it has failed{_at(record)} after {record.attempts_made} of {record.options.attempts} attempts{reason}"]


def is_unrun(record: JobRecord) -> bool:
    """Whether a job failed before its handler was ever called: its child failed, or it was cancelled.

    Its one attempt is counted all the same, as BullMQ counts it.
    """
    failure = record.failure
    return record.state == "failed" and failure is not None and not failure.attempt and record.attempts_started <= 1


def tries(record: JobRecord) -> str:
    """How often a job was tried, of how often it may be, in a few letters."""
    return "never run" if is_unrun(record) else f"{record.attempts_made}/{record.options.attempts}"


_Reasons: TypeAlias = Callable[[Client, JobRecord], Awaitable[list[str]]]
_REASONS: Final[dict[State, _Reasons]] = {
    "waiting": _ready,
    "prioritized": _ready,
    "delayed": _delayed,
    "active": _active,
    "waiting-children": _waiting_children,
    "completed": _completed,
    "failed": _failed,
}


async def _standstill(client: Client, record: JobRecord) -> list[str]:
    queues = (await client.run(Queues((record.queue,)))).queues
    workers = (await client.run(Workers())).workers
    held = [sentence for queue in queues for sentence in (*_queue(queue), *_limits(queue))]
    held += [await _key(client, record, queue) for queue in queues]
    return [*held, *_served(record, workers)]


def _queue(queue: QueueRecord) -> Iterator[str]:
    if queue.is_paused:
        yield f"the queue {queue.name} is paused"
    if queue.resting_until is not None:
        yield f"the queue {queue.name} rests until {_time(queue.resting_until)}"


def _limits(queue: QueueRecord) -> Iterator[str]:
    most, active = queue.limits.concurrency, queue.counts["active"]
    if most is not None and active >= most:
        yield f"the queue {queue.name} runs as many jobs as it may: {active}, with a concurrency of {most}"
    if queue.limits.rate is not None and queue.startable_at is not None:
        rate = f"{queue.limits.rate.most} in {queue.limits.rate.per_ms / 1000:g} s"
        yield f"the queue {queue.name} has used up its rate, {rate}, until {_time(queue.startable_at)}"


async def _key(client: Client, record: JobRecord, queue: QueueRecord) -> str:
    """Whether others of its key run as often as they may, as far as one page shows."""
    for member, capacity in (queue.limits.per_key or {}).items():
        key = key_of(member, record.data)
        if key is not None and capacity.running is not None:
            active = (await client.run(Find(queue.name, "active", FIND_MAX))).jobs
            running = sum(key_of(member, job.data) == key for job in active)
            if running >= capacity.running:
                return f"the {member} {key!r} runs as many jobs as it may: {running}"
    return ""


def _served(record: JobRecord, workers: tuple[WorkerRecord, ...]) -> Iterator[str]:
    here = [worker for worker in workers if any(source.queue == record.queue for source in worker.sources)]
    fit = [worker for worker in here if record.name in _names(worker, record.queue, record.name)]
    held = [worker for worker in fit if worker.state != "running"]
    busy = [worker for worker in fit if worker.state == "running" and worker.running >= worker.concurrency]
    paced = [worker for worker in fit if worker.rate is not None and worker not in held and worker not in busy]
    if not workers:
        yield "no worker is running"
    elif not here:
        yield f"no worker serves the queue {record.queue}"
    elif not fit and record.failure is None:
        names = sorted({name for worker in here for name in _names(worker, record.queue, record.name)})
        yield f"no worker of the queue {record.queue} serves the task {record.name}; they serve {_list(names)}"
    elif fit and len(held) + len(busy) + len(paced) == len(fit):
        for what, those in (("busy", busy), ("bound to a rate", paced), ("paused, or about to end", held)):
            if those:
                yield f"{_those(those, fit)} {what}: {_list([worker.id for worker in those])}"


def _those(some: list[WorkerRecord], fit: list[WorkerRecord]) -> str:
    if len(fit) == 1:
        return "the one worker that serves it is"
    many = f"all {len(fit)}" if len(some) == len(fit) else f"{len(some)} of the {len(fit)}"
    return f"{many} workers that serve it {'is' if len(some) == 1 else 'are'}"


def _names(worker: WorkerRecord, queue: str, name: str) -> tuple[str, ...]:
    """The names a worker serves there; a catch-all serves the one asked for."""
    sources = [source for source in worker.sources if source.queue == queue]
    return tuple(one for source in sources for one in (source.names if source.names is not None else (name,)))


async def _place(client: Client, record: JobRecord) -> str:
    """How many jobs go before it, as far as one page shows."""
    ahead = 0
    before: tuple[State, ...] = ("waiting", "prioritized") if record.state == "prioritized" else ("waiting",)
    for state in before:
        page = await client.run(Find(record.queue, state, PLACES_MAX))
        for job in page.jobs:
            if job.id == record.id:
                return f"it is behind {ahead} other job{'s' if ahead > 1 else ''}" if ahead else "it is next"
            ahead += 1
        if page.cursor is not None:
            return f"it is behind more than {ahead} other jobs"
    return ""


def _deferred(record: JobRecord) -> Iterator[str]:
    if record.failure is not None:
        yield f"it will not run: the next worker to take it records that it failed: {record.failure.reason}"


def _duplicates(record: JobRecord) -> Iterator[str]:
    """Why it may be delayed again and again."""
    dedup = record.options.dedup
    if dedup is not None and (dedup.replaces or dedup.reschedules):
        does = "takes its place" if dedup.replaces else "lets its delay begin anew"
        yield f"each job that is added meanwhile with its dedup key {dedup.key!r} {does}"


def _history(record: JobRecord) -> Iterator[str]:
    """What may yet keep it from being run to its end: its deadline, and workers that were lost."""
    end = deadline(record.options, record.added_at)
    if end is not None and not record.attempts_started and record.failure is None:
        yield f"it expires at {_time(end)} if nobody has started it by then"
    if record.stalls and record.failure is None:
        lost = "a worker was" if record.stalls == 1 else f"{record.stalls} workers were"
        yield f"{lost} lost while running it; after more than {record.options.max_stalled} it fails"


def _runs_by_itself(child: Node) -> bool:
    return child.record is not None and child.record.state != "failed"


def _child(node: Node) -> str:
    record = node.record
    what = "job" if node.is_followed else "child"
    if record is None:
        return f"it waits for the {what} {node.job}, which is gone"
    reason = f" and must be retried or removed: {record.failure.reason}" if record.failure else ""
    return f"it waits for the {what} {node.job} ({record.name}), which is {record.state}{reason}"


def _at(record: JobRecord) -> str:
    return f" at {_time(record.finished_at)}" if record.finished_at else ""


def _time(at: int | None) -> str:
    return datetime.fromtimestamp((at or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
