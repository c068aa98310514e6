"""`headrace doctor`: facts are gathered here, judged in `core`, and nothing is changed."""

import time
from textwrap import wrap
from typing import Final

from msgspec import structs

from headrace import storage
from headrace.app import App
from headrace.cli import output
from headrace.cli.failure import Exit
from headrace.cli.options import SHOWN, Shown
from headrace.cli.store import ask, opened
from headrace.cli.text import clean
from headrace.core import servers, topics
from headrace.core.checks import FileFacts, Found, Stall, StoreFacts, is_openable, judged
from headrace.core.commands import Find, Get, QueueRecord, Read, Tree, Workers
from headrace.core.jobs import FINISHED, JobRecord, JobRef, State
from headrace.core.queuechecks import STORE_CHECKS, janitor
from headrace.core.schedules import ScheduleRecord
from headrace.core.servers import ServerFacts

LOOK_MAX: Final = 100  # jobs of one queue and state that are looked at
PARENTS_MAX: Final = 20  # parents of one queue whose children are looked at
WIDTH: Final = 80


async def doctor(*, common: Shown = SHOWN) -> int:
    """Look for what is wrong, and say what to do about it.

    Example: headrace doctor
    """
    app = opened(common)
    place = await storage.inspect(app.settings.url or "", app.settings.prefix)
    found = _judged(place)
    if _is_openable(place, app):
        async with app:
            store = await facts(app, (isinstance(place, ServerFacts) and place.ahead_ms) or 0)
        found += [Found(name, *check(store)) for name, check in STORE_CHECKS.items()]
        found.append(Found("janitor", *janitor(store, place if isinstance(place, FileFacts) else None)))
    if common.json:
        output.document({"checks": [structs.asdict(one) for one in found]})
    for one in found if not common.json else ():
        _print(one)
    return Exit.FAILED if any(one.verdict == "fail" for one in found) else Exit.OK


def _judged(place: FileFacts | ServerFacts | None) -> list[Found]:
    if isinstance(place, ServerFacts):
        return servers.judged(place)
    return [] if place is None else judged(place)


def _is_openable(place: FileFacts | ServerFacts | None, app: App) -> bool:
    """Whether opening the store would be allowed, and would leave it as it was."""
    if isinstance(place, ServerFacts):
        return not place.problem and not (app.settings.environment == "production" and servers.unsafe(place))
    return place is None or is_openable(place)


async def facts(app: App, ahead_ms: int = 0) -> StoreFacts:
    """What the store says of its queues, workers and flows, some of each; its clock may be ahead of ours."""
    wall, even = time.time_ns(), time.monotonic_ns()
    queues = await app.queues()
    workers = (await ask(app, Workers())).workers
    overdue = [job for queue in queues for job in await _first(app, queue, "active")]
    schedules = await app.schedules.list()
    latest = [await _last_event(app, queue.name) for queue in queues]
    found = StoreFacts(
        now=time.time_ns() // 1_000_000 + ahead_ms,
        drift_ms=0,
        latest=max([*latest, *(worker.seen_at for worker in workers)], default=0),
        queues=tuple(queues),
        workers=workers,
        next={queue.name: await _ready(app, queue) for queue in queues},
        overdue=tuple(overdue),
        stalls=tuple([stall for queue in queues for stall in await _stalls(app, queue)]),
        schedules=tuple(schedules),
        unfinished=await _unfinished(app, schedules),
    )
    drift = (time.time_ns() - wall) - (time.monotonic_ns() - even)
    return structs.replace(found, drift_ms=drift // 1_000_000)


async def _ready(app: App, queue: QueueRecord) -> tuple[JobRecord, ...]:
    return (*await _first(app, queue, "waiting"), *await _first(app, queue, "prioritized"))


async def _first(app: App, queue: QueueRecord, state: State) -> tuple[JobRecord, ...]:
    return (await ask(app, Find(queue.name, state, LOOK_MAX))).jobs if queue.counts[state] else ()


async def _last_event(app: App, queue: str) -> int:
    """When the newest event was written; two reads, for the end of a log is asked for by its position."""
    channel = topics.job_events(queue)
    last = (await ask(app, Read(channel, limit=1))).last
    entries = (await ask(app, Read(channel, max(last - 1, 0), 1))).entries
    return entries[0].at if entries else 0


async def _stalls(app: App, queue: QueueRecord) -> list[Stall]:
    found: list[Stall] = []
    for parent in (await _first(app, queue, "waiting-children"))[:PARENTS_MAX]:
        ref = JobRef(parent.queue, parent.id)
        nodes = (await ask(app, Tree(ref, depth=1, limit=LOOK_MAX))).nodes[1:]
        failed = [node.job for node in nodes if node.is_pending and node.record and node.record.state == "failed"]
        found += [Stall(ref, child) for child in failed]
    return found


async def _unfinished(app: App, schedules: list[ScheduleRecord]) -> frozenset[JobRef]:
    """Which last jobs are still to be done, of those schedules whose slots must not overlap."""
    last = [one.job for one in schedules if one.job is not None and one.plan.overlap != "allow"][:LOOK_MAX]
    jobs = (await ask(app, Get(tuple(last)))).jobs if last else ()
    return frozenset(ref for ref, job in zip(last, jobs, strict=True) if job is not None and job.state not in FINISHED)


def _print(found: Found) -> None:
    texts = [found.says, *([f"→ {found.advice}"] if found.advice else [])]
    # A job's id has hyphens, and is to be copied whole.
    lines = [line for text in texts for line in wrap(clean(text), WIDTH - 16, break_on_hyphens=False)]
    for number, text in enumerate(lines):
        print(f"{'' if number else found.verdict:4}  {'' if number else found.check:9} {text}")
