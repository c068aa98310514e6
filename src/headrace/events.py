"""What happens to jobs, and what happened: logs that can be read again from a position, of a queue or of a flow."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from heapq import merge
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from headrace.client import Client
from headrace.core import topics
from headrace.core.commands import Entries, Read, Tree
from headrace.core.errors import InvalidOption, NoSuchJob, Refused
from headrace.core.jobs import FINISHED, STATES, Cause, JobRef, State
from headrace.core.log import ASIDES, Change, Entry, Gap, Happening
from headrace.storage.protocol import Storage, granted

PAGE: Final = 1_000
_ENDS: Final = frozenset({*FINISHED, "removed"})
_changes: Final = msgspec.json.Decoder(Change)


class Event(msgspec.Struct, frozen=True):
    """A job has another state now (or `removed`, or `progress`). `at` is in milliseconds since 1970.

    `position` counts the events of the job's queue: it is what a reader keeps, to go on after it.
    """

    position: int
    at: int
    job: JobRef
    state: Happening
    was: State | None = None
    cause: Cause | None = None


async def queue_events(client: Client, queue: str, after: int | None) -> AsyncGenerator[Event | Gap]:
    """The events of `queue` after a position, then each new one; see `Queue.events`."""
    store = await client.open()
    position = await _start(client, queue, after)
    while True:
        page = await client.run(Read(topics.job_events(queue), position, PAGE))
        for event in _told(queue, page):
            yield event
        position = _end(position, page)
        if position >= page.last:
            await store.wait([topics.log(topics.job_events(queue))], _poll_ms(client))


async def flow_events(client: Client, root: JobRef, after: Mapping[str, int] | None) -> AsyncGenerator[Event | Gap]:
    """The events of a job and of all below it, until all of them have ended; see `Job.events`."""
    if after is not None and not isinstance(after, Mapping):
        raise InvalidOption(f"after is {after!r}; give the position of each queue, as in {{{root.queue!r}: 7}}")
    store = await client.open()
    members = _Members(client, root)
    if not await members.look():
        raise NoSuchJob(queue=root.queue, id=root.id)
    positions = {queue: await _start(client, queue, _given(after, queue)) for queue in members.queues()}
    is_read = is_over = False
    while not (is_read and is_over):
        is_over = is_read and await members.are_over()  # asked before the read, which then tells all that led there
        if is_read and not is_over:
            await store.wait([topics.log(topics.job_events(queue)) for queue in positions], _poll_ms(client))
        for queue in members.queues():
            if queue not in positions:
                positions[queue] = await _start(client, queue, (after or {}).get(queue, 0))
        pages = await _pages(store, {queue: positions[queue] for queue in members.queues()})
        found = [_told(queue, page) for queue, page in pages.items()]
        await members.learn([event for events in found for event in events])
        # Inside a queue positions tell the order; between queues the clock does, and in one millisecond the tree.
        for event in merge(*found, key=lambda event: event.at if isinstance(event, Event) else 0):
            if isinstance(event, Gap) or event.job in members.known:
                yield event
        positions |= {queue: _end(positions[queue], page) for queue, page in pages.items()}
        is_read = pages.keys() >= set(members.queues()) and all(
            positions[queue] >= page.last for queue, page in pages.items()
        )


class _Members:
    """The jobs of a flow as far as they are known, and those of them that have not ended."""

    def __init__(self, client: Client, root: JobRef) -> None:
        self.known: dict[JobRef, None] = {}
        self._open: set[JobRef] = set()
        self._client = client
        self._root = root

    def queues(self) -> list[str]:
        """Those of children before those of their parents."""
        return list(dict.fromkeys(job.queue for job in reversed(self.known)))

    async def look(self) -> bool:
        """Ask for the tree; whether there is one."""
        nodes = (await self._client.run(Tree(self._root))).nodes
        self.known |= dict.fromkeys(node.job for node in nodes)
        self._open = {node.job for node in nodes if node.record is not None and node.record.state not in FINISHED}
        return bool(nodes)

    async def learn(self, events: Iterable[Event | Gap]) -> None:
        """Follow the events. The tree is asked for again only where it may have grown, or something was missed."""
        is_unsure = False
        for event in events:
            if isinstance(event, Gap):
                is_unsure = True
            elif event.job not in self.known:
                is_unsure |= event.was is None and event.state in STATES  # a new job: a child that was added later?
            elif event.state in _ENDS:
                self._open.discard(event.job)
            elif event.state not in ASIDES:
                self._open.add(event.job)
                is_unsure |= event.state == "waiting-children"  # perhaps for children in queues that nobody reads yet
        if is_unsure:
            await self.look()

    async def are_over(self) -> bool:
        if not self._open:
            await self.look()
        return not self._open


async def _pages(store: Storage, positions: Mapping[str, int]) -> dict[str, Entries]:
    """The next page of each queue, all of one moment, so that no cause is missed whose effect is seen."""
    queues = list(positions)
    reads = [Read(topics.job_events(queue), positions[queue], PAGE) for queue in queues]
    reply: Any = await store.run(*reads)
    pages: tuple[Entries | Refused, ...] = reply if isinstance(reply, tuple) else (reply,)
    return {queue: granted(page) for queue, page in zip(queues, pages, strict=True)}


def _told(queue: str, page: Entries) -> list[Event | Gap]:
    gap = [] if page.gap is None else [replace(page.gap, queue=queue)]
    return [*gap, *(_event(queue, entry) for entry in page.entries)]


def _event(queue: str, entry: Entry) -> Event:
    change = _changes.decode(entry.body)
    return Event(entry.position, entry.at, JobRef(queue, entry.key), change.state, change.was, change.cause)


def _end(position: int, page: Entries) -> int:
    """Where to read on after this page."""
    if page.entries:
        return page.entries[-1].position
    return position if page.gap is None else page.gap.last


async def _start(client: Client, queue: str, after: object) -> int:
    """Where to begin; `InvalidOption` for a position that the log has not reached, which it would never tell."""
    last = (await client.run(Read(topics.job_events(queue), limit=1))).last
    if after is None:
        return last
    if not isinstance(after, int) or not 0 <= after <= last:
        raise InvalidOption(
            f"after is {after!r}, but the events of {queue!r} have positions up to {last}; 0 gives all that are kept"
        )
    return after


def _given(after: Mapping[str, int] | None, queue: str) -> int | None:
    return None if after is None else after.get(queue, 0)


def _poll_ms(client: Client) -> int:
    return round(client.settings.poll * 1000)
