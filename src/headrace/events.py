"""What happens to the jobs of a queue, and what happened: a log that can be read again from a position."""

from collections.abc import AsyncGenerator
from typing import Final

import msgspec

from headrace.client import Client
from headrace.core import topics
from headrace.core.commands import Read
from headrace.core.jobs import Cause, JobRef, State
from headrace.core.log import Change, Gap, Happening

PAGE: Final = 1_000
_changes: Final = msgspec.json.Decoder(Change)


class Event(msgspec.Struct, frozen=True):
    """A job has another state now (or `removed`, or `progress`). `at` is in milliseconds since 1970."""

    position: int
    at: int
    job: JobRef
    state: Happening
    was: State | None = None
    cause: Cause | None = None


async def events(client: Client, queue: str, after: int | None) -> AsyncGenerator[Event | Gap]:
    """The events of `queue` after a position, then each new one; without a position the new ones only.

    A `Gap` stands for what was trimmed before it was read.
    """
    channel = topics.job_events(queue)
    store = await client.open()
    position = (await client.run(Read(channel, limit=1))).last if after is None else after
    poll_ms = round(client.settings.poll * 1000)
    while True:
        page = await client.run(Read(channel, position, PAGE))
        if page.gap is not None:
            yield page.gap
            position = page.gap.last
        for entry in page.entries:
            change = _changes.decode(entry.body)
            job = JobRef(queue, entry.key)
            yield Event(entry.position, entry.at, job, change.state, change.was, change.cause)
            position = entry.position
        if position >= page.last:
            await store.wait([topics.log(channel)], poll_ms)
