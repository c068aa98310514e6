"""Everything of a store that can be seen from outside, in a form that is equal on equal stores."""

import json
from typing import Any

from msgspec.structs import replace

from headrace.core.commands import (
    Channels,
    Commit,
    Count,
    Find,
    Found,
    Get,
    Got,
    Grown,
    Lines,
    Locks,
    Queues,
    Read,
    Schedules,
    Tally,
    Tree,
    Workers,
)
from headrace.core.errors import NoSuchJob
from headrace.core.jobs import STATES, JobRecord, JobRef
from headrace.core.tallies import TALLIES_KEPT_MINUTES
from headrace.core.topics import job_events
from headrace.storage.protocol import Storage
from headrace.why import why
from tests.model.draws import KEYS, READERS


async def visible(store: Storage, queues: tuple[str, ...], jobs: tuple[JobRef, ...]) -> Any:
    """What all the reading commands say."""
    reads = (
        Queues(),
        *(Queues(dedup=key) for key in KEYS),
        Count(queues),
        Channels(),
        Workers(),
        Schedules(),
        Schedules(order="time", after=(20, "s"), limit=3),
        Locks(),
        Locks("lock", 1),
        Get(jobs),
        *(Find(queue, state) for queue in queues for state in STATES),
        *(Read(job_events(queue)) for queue in queues),
        *(Tally(queue, TALLIES_KEPT_MINUTES) for queue in (*queues, None)),
        Read("bus"),
        *(Commit("bus", reader) for reader in READERS),
        *(read for job in jobs for read in (Tree(job), Lines(job))),
    )
    replies = await store.run(*reads)
    return {repr(read): plain(reply) for read, reply in zip(reads, replies, strict=True)}


async def paged(store: Storage, queue: str, state: Any, page: int, **how: Any) -> list[JobRecord]:
    """All jobs of a queue in a state, page by page."""
    records: list[JobRecord] = []
    cursor = None
    while True:
        found = await store.run(Find(queue, state, page, cursor, **how))
        assert isinstance(found, Found)
        records += [noted(job) for job in found.jobs]
        cursor = found.cursor
        if cursor is None:
            return records


async def told(store: Storage, job: JobRef) -> list[str]:
    """What is said of a job, there or not."""
    try:
        return await why(store, job, "")
    except NoSuchJob as error:
        return [str(error)]


def plain(reply: Any) -> Any:
    """A reply without what each store may spell in its own way: cursors, and the text of merged notes."""
    match reply:
        case Found(jobs, cursor):
            return [noted(job) for job in jobs], cursor is None
        case Got(jobs):
            return [job and noted(job) for job in jobs]
        case Grown(nodes, is_cut):
            return [replace(node, record=node.record and noted(node.record)) for node in nodes], is_cut
        case _:
            return reply


def noted(job: JobRecord) -> JobRecord:
    return job if job.notes is None else replace(job, notes=json.dumps(json.loads(job.notes), sort_keys=True))
