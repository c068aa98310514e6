"""Signs of workers: none is there for the job, or none of those that are has room."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Final

from headrace.core.commands import WorkerRecord
from headrace.core.signs.facts import NAMED_MAX, Facts, Sign, command, some

START: Final = command("worker", "APP")


def no_worker_lives(facts: Facts) -> Iterator[str]:
    """The store has no worker at all."""
    if not facts.workers:
        yield f"no worker is running; start one: {START}"


def no_worker_serves_its_queue(facts: Facts) -> Iterator[str]:
    """There are workers, but of other queues."""
    if facts.workers and not _here(facts):
        yield f"no worker serves the queue {facts.job.queue}; start one: {START} -q {facts.job.queue}"


def no_worker_knows_its_task(facts: Facts) -> Iterator[str]:
    """Workers serve its queue, but have no handler for its name. One that is to fail needs none."""
    here, job = _here(facts), facts.job
    if not here or _fit(facts) or job.failure is not None:
        return
    names = sorted({name for worker in here for name in _names(worker, job.queue, job.name)})
    near = get_close_matches(job.name, names, n=1)
    meant = f"was {near[0]} meant? " if near else ""
    yield (
        f"no worker of the queue {job.queue} serves the task {job.name}; they serve {some(names) or 'none'}: "
        f"{meant}register it in their app"
    )


def every_slot_is_taken(facts: Facts) -> Iterator[str]:
    """Those who could run it run as many jobs as they can."""
    busy = [worker for worker in _fit(facts) if worker.state == "running" and _is_full(worker)]
    if busy and not free(facts):
        more = command("workers", "set", busy[0].id, "-c", busy[0].concurrency + 1)
        yield f"{_those(busy, facts)} busy: {some(map(_with_jobs, busy))}; start more, or: {more}"


def workers_have_a_rate(facts: Facts) -> Iterator[str]:
    """Those who could run it start no more than so many jobs in a while, and may have done so."""
    bound = [worker for worker in _ready(facts) if worker.rate is not None]
    if bound and len(bound) == len(_ready(facts)):
        more = command("workers", "set", bound[0].id, "--rate", "none")
        yield f"{_those(bound, facts)} bound to a rate: {some(worker.id for worker in bound)}; wait, or lift it: {more}"


def workers_are_paused(facts: Facts) -> Iterator[str]:
    """Those who could run it claim nothing, because somebody paused them."""
    yield from _held(
        facts, "paused", "paused", lambda worker: f"let it go on: {command('workers', 'resume', worker.id)}"
    )


def workers_are_about_to_end(facts: Facts) -> Iterator[str]:
    """Those who could run it claim nothing any more."""
    yield from _held(facts, "draining", "about to end", lambda _: f"start another: {START}")


def free(facts: Facts) -> list[WorkerRecord]:
    """The workers that could take it at once."""
    return [worker for worker in _ready(facts) if worker.rate is None]


def _ready(facts: Facts) -> list[WorkerRecord]:
    """The workers that could take it, if their rates let them."""
    return [worker for worker in _fit(facts) if worker.state == "running" and not _is_full(worker)]


def _held(facts: Facts, state: str, says: str, remedy: Callable[[WorkerRecord], str]) -> Iterator[str]:
    held = [worker for worker in _fit(facts) if worker.state == state]
    if held and not free(facts):
        yield f"{_those(held, facts)} {says}: {some(worker.id for worker in held)}; {remedy(held[0])}"


def _here(facts: Facts) -> list[WorkerRecord]:
    return [one for one in facts.workers if any(source.queue == facts.job.queue for source in one.sources)]


def _fit(facts: Facts) -> list[WorkerRecord]:
    job = facts.job
    return [worker for worker in _here(facts) if job.name in _names(worker, job.queue, job.name)]


def _is_full(worker: WorkerRecord) -> bool:
    return worker.running >= worker.concurrency


def _names(worker: WorkerRecord, queue: str, name: str) -> tuple[str, ...]:
    """The names a worker serves there; a catch-all serves the one asked for."""
    sources = [source for source in worker.sources if source.queue == queue]
    return tuple(one for source in sources for one in (source.names if source.names is not None else (name,)))


def _those(those: list[WorkerRecord], facts: Facts) -> str:
    fit = _fit(facts)
    if len(fit) == 1:
        return "the one worker that serves it is"
    many = f"all {len(fit)}" if len(those) == len(fit) else f"{len(those)} of the {len(fit)}"
    return f"{many} workers that serve it {'is' if len(those) == 1 else 'are'}"


def _with_jobs(worker: WorkerRecord) -> str:
    if not worker.jobs:
        return worker.id
    more = " …" if worker.running > NAMED_MAX else ""
    return f"{worker.id} with {', '.join(map(str, worker.jobs[:NAMED_MAX]))}{more}"


WORKERS: Final[tuple[Sign, ...]] = (
    no_worker_lives,
    no_worker_serves_its_queue,
    no_worker_knows_its_task,
    every_slot_is_taken,
    workers_have_a_rate,
    workers_are_paused,
    workers_are_about_to_end,
)
