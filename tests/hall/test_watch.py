"""One reader per queue tells all who wait; what stops it stops them, with the reason."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headrace import storage
from headrace.core import topics
from headrace.core.commands import Add, Command, Remove, Trim
from headrace.core.errors import Unavailable
from headrace.core.jobs import JobRef, NewJob
from headrace.storage.protocol import Storage, Wrapper
from headrace.watch import Watch

CHANNEL = topics.job_events("q")


class Outage(Wrapper):
    """A store that can be away."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.is_away = False

    async def run(self, *commands: Command[Any]) -> Any:
        if self.is_away:
            raise Unavailable(problem="it is away")
        return await super().run(*commands)


@pytest.fixture
async def store() -> AsyncIterator[Outage]:
    made = Outage(storage.open("memory://"))
    await made.open()
    yield made
    await made.close()


async def added(store: Outage, job_id: str) -> JobRef:
    await store.run(Add((NewJob("q", "x", id=job_id),)))
    return JobRef("q", job_id)


async def test_only_those_whose_job_ended_are_told(store: Outage) -> None:
    watch = Watch(store, "q", 30_000)
    one, other = await added(store, "one"), await added(store, "other")
    await watch.start()
    with watch.ending("one") as first, watch.ending("one") as second, watch.ending("other") as third:
        await store.run(Remove((one,)))
        await asyncio.gather(first, second)
        assert not third.done()
        await store.run(Remove((other,)))
        await third
    await watch.close()


async def test_an_end_between_the_start_and_the_first_reading_is_not_missed(store: Outage) -> None:
    watch = Watch(store, "q", 30_000)
    ref = await added(store, "one")
    await watch.start()
    with watch.ending("one") as told:
        await store.run(Remove((ref,)))
        await told
    await watch.close()


async def test_events_that_were_trimmed_unread_may_have_been_anyones(store: Outage) -> None:
    watch = Watch(store, "q", 30_000)
    await watch.start()
    with watch.ending("one") as told:
        await added(store, "two")
        await added(store, "three")
        await store.run(Trim(CHANNEL))
        await told
    await watch.close()


async def test_whoever_waits_hears_that_the_store_is_away(store: Outage) -> None:
    watch = Watch(store, "q", 30_000)
    await watch.start()
    with watch.ending("one") as told:
        await added(store, "two")
        store.is_away = True
        with pytest.raises(Unavailable, match="away"):
            await told
    assert watch.is_over


async def test_a_reader_that_is_over_lets_nobody_wait(store: Outage) -> None:
    watch = Watch(store, "q", 30_000)
    await watch.start()
    await watch.close()
    await watch.close()
    with watch.ending("one") as told:
        await told


async def test_a_reader_ends_when_nobody_waits(store: Outage) -> None:
    watch = Watch(store, "q", 1)
    await watch.start()
    async with asyncio.timeout(5):
        while not watch.is_over:
            await asyncio.sleep(0)
