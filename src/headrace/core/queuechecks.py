"""What `headrace doctor` looks for in queues, workers, flows and schedules."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from headrace.core.checks import CLOCK_MS, LATE_MS, OLD_MS, FileFacts, StoreCheck, StoreFacts, Verdict
from headrace.core.commands import QueueRecord, WorkerRecord
from headrace.core.schedule_errors import BadSchedule
from headrace.core.schedules import ScheduleRecord, next_slot
from headrace.core.signs.facts import command

BUSY_MS: Final = 60_000  # a ready job that has waited for so long for a slot
NAMED_MAX: Final = 5  # queues, jobs or workers named in one sentence
START: Final = command("worker", "APP")


def clock(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether the clock runs evenly, and did so for all who wrote."""
    if abs(store.drift_ms) > CLOCK_MS:
        return "warn", f"the clock was set by {store.drift_ms} ms just now", "let the clock be slewed, not set"
    ahead = store.latest - store.now
    if ahead > CLOCK_MS:
        said = f"somebody stored an instant that is {ahead / 1000:.0f} s in the future: the clock was set back"
        return "fail", said, "set the clock right; delays and leases follow it"
    return "ok", "the clock runs evenly, and no stored instant is in the future", ""


def served(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether each queue with jobs has a worker."""
    known = {source.queue for worker in store.workers for source in worker.sources}
    lonely = [queue for queue in store.queues if _unfinished(queue) and queue.name not in known]
    names = _list(queue.name for queue in lonely)
    if any(_ready(queue) for queue in lonely):
        return "fail", f"jobs wait in queues that no worker serves: {names}", f"start a worker: {START}"
    if lonely:
        return (
            "warn",
            f"no worker serves the queues of jobs that are to come: {names}",
            f"start one: {START}",
        )
    return "ok", f"every queue with jobs is served; {_count(len(store.workers), 'worker')}", ""


def tasks(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether the jobs that are next have a worker that knows their task."""
    lost: dict[str, None] = {}
    for queue, jobs in store.next.items():
        sources = [source for worker in store.workers for source in worker.sources if source.queue == queue]
        if not sources or any(source.names is None for source in sources):
            continue
        names = {name for source in sources for name in source.names or ()}
        lost |= {f"{queue}/{job.name}": None for job in jobs if job.name not in names and job.failure is None}
    if lost:
        advice = "register these tasks in the app of a worker, or remove the jobs"
        return "fail", f"no worker serves the tasks of waiting jobs: {_list(lost)}", advice
    return "ok", "the workers of a queue know the tasks of its ready jobs", ""


def paused(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether jobs wait because somebody paused their queue."""
    held = [queue.name for queue in store.queues if queue.is_paused and _ready(queue)]
    if held:
        return "warn", f"jobs wait in paused queues: {_list(held)}", command("queues", "resume", held[0])
    return "ok", "no job waits in a paused queue", ""


def flows(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether a parent waits for a child that will not run by itself."""
    if store.stalls:
        names = _list(f"{stall.parent} for {stall.child}" for stall in store.stalls)
        advice = f"retry the child, or remove it: {command('jobs', 'retry', store.stalls[0].child)}"
        return "warn", f"parents wait for children that have failed: {names}", advice
    return "ok", "no parent waits for a child that has failed", ""


def oldest(store: StoreFacts) -> tuple[Verdict, str, str]:
    """How long the ready job that waits longest has stood ready."""
    waits = [
        (queue.oldest_ms, queue.name) for queue in store.queues if queue.oldest_ms is not None and not queue.is_paused
    ]
    if not waits:
        return "ok", "no job waits", ""
    age_ms, name = max(waits)
    said = f"the job that waits longest, in the queue {name}, has been ready for {age_ms / 60_000:.0f} min"
    if age_ms > OLD_MS:
        first = store.next.get(name, ())[:1]
        look = ("jobs", "why", f"{name}/{first[0].id}") if first else ("queues", "show", name)
        return "warn", said, f"more workers, or a look: {command(*look)}"
    return "ok", said, ""


def busy(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether jobs wait because every slot for them is taken."""
    full: list[str] = []
    for queue in store.queues:
        here = _here(store, queue)
        if _is_late(queue) and here and all(one.running >= one.concurrency for one in here):
            full.append(queue.name)
    if full:
        advice = "start more workers, or let them run more jobs at once (concurrency)"
        return "warn", f"all workers of queues in which jobs wait are busy: {_list(full)}", advice
    return "ok", "no job waits for a slot for long", ""


def workers(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether jobs wait because all who could run them were told to claim nothing."""
    held: dict[str, WorkerRecord] = {}
    for queue in store.queues:
        here = _here(store, queue)
        if _ready(queue) and here and all(one.state != "running" for one in here):
            held[queue.name] = min(here, key=lambda one: one.state != "paused")  # what can be resumed, first
    if held:
        first = next(iter(held.values()))
        resume = f"resume them: {command('workers', 'resume', first.id)}"
        advice = resume if first.state == "paused" else f"start another: {START}"
        return "warn", f"all workers of queues in which jobs wait are paused or about to end: {_list(held)}", advice
    return "ok", "no job waits for workers that claim nothing", ""


def limits(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether jobs have waited for long because their queue may start none."""
    held = [queue.name for queue in store.queues if _is_late(queue) and _is_limited(queue)]
    if held:
        said = f"jobs wait in queues that rest, or are at their concurrency or rate: {_list(held)}"
        return "warn", said, f"if that is too slow, raise the limits: {command('queues', 'limit', held[0])}"
    return "ok", "no job waits for a limit of its queue for long", ""


def leases(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether those who hold jobs are alive."""
    late = [job for job in store.overdue if job.expires_at is not None and job.expires_at < store.now - LATE_MS]
    if late:
        said = f"leases ended long ago and nobody gave the jobs back: {_list(f'{job.queue}/{job.id}' for job in late)}"
        return "fail", said, "start a worker: one of the workers gives back what others have lost"
    alive = {worker.id for worker in store.workers}
    dead = {job.worker: None for job in store.overdue if job.worker not in alive}
    if dead:
        advice = "wait until their leases have ended: another worker gives the jobs back"
        lonely = "start a worker: it gives the jobs back when their leases have ended"
        return "warn", f"workers that are gone hold jobs: {_list(map(str, dead))}", advice if alive else lonely
    return "ok", "whoever holds jobs is alive", ""


def schedules(store: StoreFacts) -> tuple[Verdict, str, str]:
    """Whether schedules add their jobs, and somebody would run these; the nearest trouble first."""
    open_ = [one for one in store.schedules if one.next_at is not None]
    active = [one for one in open_ if one.paused is None]
    overdue = [one for one in active if _is_overdue(one, store)]
    if overdue:
        names = _list(one.name for one in overdue)
        if not store.workers:
            return "fail", f"schedules are overdue, and no worker is running: {names}", "start one: headrace worker APP"
        return "fail", f"schedules are overdue, and no worker fires them: {names}", "read the logs of the workers"
    lonely = [one for one in active if not _has_worker(one, store)]
    if lonely:
        names = _list(f"{one.name} ({one.plan.job.queue}/{one.plan.job.name})" for one in lonely)
        return "warn", f"no worker serves the tasks of schedules: {names}", "start one that does, or remove them"
    held = [one for one in active if _is_held(one, store)]
    if held:
        names = _list(f"{one.name} for {one.job}" for one in held)
        said = f"slots of schedules are skipped, or wait, until the job before has finished: {names}"
        return "warn", said, f"headrace jobs why {held[0].job}"
    paused = [one.name for one in open_ if one.paused is not None]
    if paused:
        return "warn", f"schedules are paused: {_list(paused)}", f"headrace schedules resume {paused[0]}"
    return "ok", f"no schedule is late: {len(active)} to fire, {len(store.schedules) - len(open_)} over", ""


def janitor(store: StoreFacts, file: FileFacts | None) -> tuple[Verdict, str, str]:
    """Whether somebody gives back what stalled."""
    if not store.workers:
        return "ok", "there are no workers, and so there is no janitor", ""
    if file is not None and (file.janitor_until is None or file.janitor_until < store.now - LATE_MS):
        return "fail", "no worker is the janitor: nothing stalled is given back", "restart a worker, and read its log"
    return "ok", "a worker is the janitor", ""


def _here(store: StoreFacts, queue: QueueRecord) -> list[WorkerRecord]:
    return [one for one in store.workers if any(source.queue == queue.name for source in one.sources)]


def _is_late(queue: QueueRecord) -> bool:
    """Whether a ready job has waited for longer than one does for a slot."""
    return queue.oldest_ms is not None and queue.oldest_ms > BUSY_MS and not queue.is_paused


def _is_limited(queue: QueueRecord) -> bool:
    most = queue.limits.concurrency
    is_full = most is not None and queue.counts["active"] >= most
    return is_full or queue.resting_until is not None or queue.startable_at is not None


def _ready(queue: QueueRecord) -> int:
    return queue.counts["waiting"] + queue.counts["prioritized"]


def _unfinished(queue: QueueRecord) -> int:
    return _ready(queue) + queue.counts["delayed"] + queue.counts["waiting-children"]


def _is_overdue(schedule: ScheduleRecord, store: StoreFacts) -> bool:
    """Whether a slot came long ago, and does not wait for the job before."""
    is_in_line = schedule.plan.overlap == "queue" and schedule.job in store.unfinished
    return schedule.next_at is not None and schedule.next_at < store.now - LATE_MS and not is_in_line


def _is_held(schedule: ScheduleRecord, store: StoreFacts) -> bool:
    """Whether a slot has come that was skipped, or waits, because of the job before."""
    if schedule.job not in store.unfinished or schedule.next_at is None:
        return False
    if schedule.plan.overlap == "queue":
        return schedule.next_at <= store.now
    with suppress(BadSchedule):  # other machines may know a zone that this one does not
        last = schedule.slot_at
        return last is not None and next_slot(schedule.plan, schedule.since, last) != schedule.next_at
    return False


def _has_worker(schedule: ScheduleRecord, store: StoreFacts) -> bool:
    job = schedule.plan.job
    sources = [source for worker in store.workers for source in worker.sources if source.queue == job.queue]
    return any(source.names is None or job.name in source.names for source in sources)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _list(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    return ", ".join(found[:NAMED_MAX]) + more


STORE_CHECKS: Final[Mapping[str, StoreCheck]] = {
    check.__name__: check
    for check in (clock, served, tasks, paused, flows, oldest, busy, workers, limits, leases, schedules)
}
