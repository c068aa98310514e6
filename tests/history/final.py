"""What a store says in the end, when everything is at rest."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from headrace.core.commands import Count, Find, Queues, Read
from headrace.core.jobs import STATES, JobRecord, JobRef, State
from headrace.core.log import ASIDES, Change, Entry
from headrace.core.topics import job_events
from headrace.storage.protocol import Storage, granted


@dataclass
class Final:
    """`lists` is what Find tells of each queue and state, `events` what the logs tell of each job."""

    lists: dict[tuple[str, State], list[JobRecord]] = field(default_factory=dict)
    counts: dict[tuple[str, State], int] = field(default_factory=dict)
    events: dict[JobRef, list[Change]] = field(default_factory=lambda: defaultdict(list))
    holes: list[str] = field(default_factory=list)
    is_whole: bool = True
    """Whether the logs tell of everything that happened."""

    @cached_property
    def records(self) -> dict[JobRef, JobRecord]:
        return {JobRef(job.queue, job.id): job for jobs in self.lists.values() for job in jobs}

    def learn(self, queue: str, entries: tuple[Entry, ...], after: int) -> None:
        for entry in entries:
            if entry.position != after + 1:
                self.holes.append(f"{queue}: {entry.position} comes after {after}")
            after = entry.position
            change = msgspec.json.decode(entry.body, type=Change)
            if change.state not in ASIDES:
                self.events[JobRef(queue, entry.key)].append(change)


async def final_of(store: Storage, events: dict[JobRef, list[Change]] | None = None) -> Final:
    """Read all of it. `events` were read before, when the logs could not be kept whole until now."""
    found = Final()
    for queue in granted(await store.run(Queues())).queues:
        counted = granted(await store.run(Count((queue.name,)))).queues[queue.name]
        for state in STATES:
            found.counts[queue.name, state] = counted[state]
            found.lists[queue.name, state] = await _all(store, queue.name, state)
        if events is None:
            await _read(store, queue.name, found)
    if events is not None:
        found.events = events
    return found


async def _all(store: Storage, queue: str, state: State) -> list[JobRecord]:
    jobs: list[JobRecord] = []
    cursor: str | None = None
    while True:
        page: Any = granted(await store.run(Find(queue, state, 1_000, cursor)))
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None:
            return jobs


async def _read(store: Storage, queue: str, found: Final) -> None:
    position = 0
    while True:
        page = granted(await store.run(Read(job_events(queue), position)))
        if page.gap is not None:
            found.is_whole = False
            position = page.gap.last
        if not page.entries:
            return
        found.learn(queue, page.entries, position)
        position = page.entries[-1].position
