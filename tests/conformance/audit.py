"""What must be true of a store at any time, as far as it can be seen from outside."""

from collections import Counter

import msgspec

from headrace.core.commands import Count, Get, Queues, Read, Tree
from headrace.core.jobs import STATES, JobRecord, JobRef, State
from headrace.core.log import ASIDES, Change, Entry
from headrace.core.topics import job_events
from headrace.storage.protocol import Storage

from .desk import Desk

PAGE = 7  # small, so that a few jobs make more than one page


async def assert_consistent(store: Storage, page: int = PAGE) -> None:
    desk = Desk(store)
    records = (await desk.run(Queues())).queues
    counted = (await desk.run(Count(tuple(queue.name for queue in records)))).queues
    for queue in records:
        assert queue.counts == counted[queue.name]
        found = {state: await desk.found(queue.name, state, page) for state in STATES}
        assert {state: len(jobs) for state, jobs in found.items()} == queue.counts
        await assert_records(desk, found)
        await assert_families(desk, found["waiting-children"])
        await assert_events(desk, queue.name, found)


async def assert_records(desk: Desk, found: dict[State, list[JobRecord]]) -> None:
    """Each job is in one state, the one its record says, and Get knows the same of it."""
    jobs = [job for jobs in found.values() for job in jobs]
    assert not [key for key, times in Counter(job.id for job in jobs).items() if times > 1], "a job is in two states"
    assert all(job.state == state for state, jobs in found.items() for job in jobs)
    assert (await desk.run(Get(tuple(JobRef(job.queue, job.id) for job in jobs)))).jobs == tuple(jobs)


async def assert_families(desk: Desk, parents: list[JobRecord]) -> None:
    """A parent that waits has something to wait for, and counts it rightly."""
    for parent in parents:
        nodes = (await desk.run(Tree(JobRef(parent.queue, parent.id), 1))).nodes
        assert parent.children_pending == sum(node.is_pending for node in nodes) > 0
        assert parent.children == len(nodes) - 1


async def assert_events(desk: Desk, queue: str, found: dict[State, list[JobRecord]]) -> None:
    """Positions are consecutive, and the last that a log says of a job is where the job is."""
    entries: list[Entry] = []
    while True:
        page = await desk.run(Read(job_events(queue), entries[-1].position if entries else 0))
        entries += page.entries
        if not page.entries:
            break
    positions = [entry.position for entry in entries]
    assert positions == list(range(page.last - len(entries) + 1, page.last + 1))
    last: dict[str, str] = {}
    for entry in entries:
        change = msgspec.json.decode(entry.body, type=Change)
        if change.state not in ASIDES:
            last[entry.key] = change.state
    for state, jobs in found.items():
        for job in jobs:
            assert last.get(job.id, state) == state
