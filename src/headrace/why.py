"""Why does this job not run? Facts are gathered here, in at most three calls of its store, and judged in `core`."""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from headrace.core import topics
from headrace.core.commands import Find, Get, Queues, Read, Schedules, Tree, Workers
from headrace.core.commands.reads import FIND_MAX
from headrace.core.errors import NoSuchJob
from headrace.core.jobs import JobRecord, JobRef
from headrace.core.log import ASIDES, Change, Entry, Happening
from headrace.core.settings import masked
from headrace.core.signs import said
from headrace.core.signs.absent import Absence, traced
from headrace.core.signs.ended import is_unrun
from headrace.core.signs.facts import Facts, line_of
from headrace.storage.protocol import Storage, granted

PLACES_MAX: Final = 100  # jobs ahead that are counted one by one: their records may be large
NODES_MAX: Final = 1_000  # children that are looked at
EVENTS_LOOKED: Final = 1_000  # the newest events of a queue in which a job that is gone is looked for
CLOCK: Final = Schedules((), limit=0)  # no schedule at all, only what time it is by the clock of the store

_changes: Final = msgspec.json.Decoder(Change)


async def why(store: Storage, ref: JobRef, url: str | None, *, is_duplicate: bool = False) -> list[str]:
    """Why the job waits, where it runs, or how it ended; `NoSuchJob`, with what is still known of it, if it is gone.

    `url` is that of the store, for people. `is_duplicate`: the add that the job is known by stored nothing.
    """
    replies: Any = await store.run(Get((ref,)), Queues((ref.queue,)), Workers(), CLOCK)
    got, queues, workers, clock = map(granted, replies)
    (job,) = got.jobs
    if job is None:
        raise await _missing(store, ref, masked(url or ""))
    known = {queue.name: queue for queue in queues.queues}
    facts = Facts(clock.now, job, known, workers.workers, is_duplicate=is_duplicate)
    return said(await _with_more(store, facts))


def tries(record: JobRecord) -> str:
    """How often a job was tried, of how often it may be, in a few letters."""
    return "never run" if is_unrun(record) else f"{record.attempts_made}/{record.options.attempts}"


async def _with_more(store: Storage, facts: Facts) -> Facts:
    """The facts with what only a job in this state needs."""
    match facts.job.state:
        case "waiting" | "prioritized" | "delayed":
            return await _with_line(store, facts)
        case "waiting-children":
            return await _with_children(store, facts)
        case _:
            return facts


async def _with_line(store: Storage, facts: Facts) -> Facts:
    """With those that are claimed before it, and, where its key is limited, with those that run."""
    job, queue = facts.job, facts.queue
    line, active = facts.line, facts.active
    if queue is not None and job.state != "delayed":
        page = granted(await store.run(Find(job.queue, job.state, PLACES_MAX)))
        more = queue.counts["waiting"] if job.state == "prioritized" else 0
        line = line_of(job, page.jobs, more)
    if queue is not None and facts.key is not None and (queue.limits.per_key or {})[facts.key[0]].running is not None:
        active = granted(await store.run(Find(job.queue, "active", FIND_MAX))).jobs
    return replace(facts, line=line, active=active)


async def _with_children(store: Storage, facts: Facts) -> Facts:
    """With what it waits for, and the queues in which that stands."""
    grown = granted(await store.run(Tree(JobRef(facts.job.queue, facts.job.id), depth=1, limit=NODES_MAX)))
    pending = tuple(node for node in grown.nodes[1:] if node.is_pending)
    queues = granted(await store.run(Queues(tuple({node.job.queue for node in pending}))))
    known = {queue.name: queue for queue in queues.queues}
    return replace(facts, nodes=pending, queues={**facts.queues, **known})


async def _missing(store: Storage, ref: JobRef, place: str) -> NoSuchJob:
    """The refusal, with what its queue still tells of the job."""
    channel = topics.job_events(ref.queue)
    queues, end = await store.run(Queues(), Read(channel, limit=0))
    names = tuple(queue.name for queue in granted(queues).queues)
    start = max(granted(end).last - EVENTS_LOOKED, 0)
    entries = granted(await store.run(Read(channel, start, EVENTS_LOOKED))).entries
    absence = Absence(ref, place, names, _last(ref.id, entries))
    return NoSuchJob(f"there is no job {ref}: {traced(absence)}", queue=ref.queue, id=ref.id)


def _last(job_id: str, entries: tuple[Entry, ...]) -> tuple[Happening, int] | None:
    """What was the last to happen to a job that is gone, and when."""
    for entry in reversed(entries):
        if entry.key == job_id:
            happening = _changes.decode(entry.body).state
            if happening not in ASIDES:
                return happening, entry.at
    return None
