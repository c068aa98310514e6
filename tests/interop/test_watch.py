"""Waiting for streams: one connection of a store, shared by all who wait."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from headrace.core import topics
from headrace.core.commands import Add, Publish, Read, Trim
from headrace.core.errors import Unavailable
from headrace.storage.redis import RedisStore, watch
from tests.conformance.desk import Desk, new
from tests.interop.node import Node
from tests.servers import valkey

LONG_MS = 8_000
C = topics.log("c")
JOBS = topics.log(topics.job_events("q"))


@pytest.fixture
async def other(valkey_url: str, prefix: str, desk: Desk) -> AsyncIterator[Desk]:
    """A second store, as of another process."""
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    try:
        yield Desk(store)
    finally:
        await store.close()


class Waiter:
    """A task that waits for topics, again and again."""

    def __init__(self, desk: Desk, *wanted: str) -> None:
        self.woken: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        self._store, self._wanted = desk.store, wanted
        self._task = asyncio.create_task(self._wait())

    async def __aenter__(self) -> Self:
        assert await self.next() == set(self._wanted)  # the first wait returns at once
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def next(self) -> frozenset[str]:
        async with asyncio.timeout(LONG_MS / 1000):
            return await self.woken.get()

    async def _wait(self) -> None:
        while True:
            if moved := await self._store.wait(self._wanted, LONG_MS * 2):
                self.woken.put_nowait(moved)


async def settled() -> None:
    """Long enough for what was asked to block on the server."""
    await asyncio.sleep(0.1)


async def test_an_entry_of_another_process_wakes(desk: Desk, other: Desk) -> None:
    async with Waiter(desk, C) as waiter:
        for _ in range(3):
            await settled()
            await other.run(Publish("c", ("1",)))
            assert await waiter.next() == {C}


async def test_job_events_wake_whether_of_ours_of_nodes_or_published(node: Node, desk: Desk) -> None:
    async with Waiter(desk, JOBS) as waiter:
        await desk.add(new())
        assert await waiter.next() == {JOBS}
        await node("add", "q", [["task", {}, {}]])
        assert await waiter.next() == {JOBS}
        await desk.run(Publish("jobs/q", ('{"state":"progress"}',)))
        assert await waiter.next() == {JOBS}


async def test_workers_are_woken_when_leases_were_recovered(desk: Desk, other: Desk) -> None:
    await desk.add(new())
    await desk.claim_one(lease_ms=1)
    async with Waiter(desk, topics.CONTROL) as waiter:
        while not await other.recover():  # as soon as the lease has ended
            pass
        assert await waiter.next() == {topics.CONTROL}
        assert await other.recover() == ()
        await settled()
        assert waiter.woken.empty()


async def test_reading_job_events_wakes_nobody(desk: Desk) -> None:
    async with Waiter(desk, JOBS) as waiter:
        await desk.add(new())
        await waiter.next()
        await desk.run(Read("jobs/q"))
        await settled()
        assert waiter.woken.empty()


@pytest.mark.usefixtures("server_of_ours")
async def test_many_wait_on_one_connection_each_for_its_own(desk: Desk, other: Desk, keys: Any) -> None:
    before = keys.info("clients")["connected_clients"]
    waiters = [Waiter(desk, topics.log(f"c{number}"), C) for number in range(50)]
    for waiter in waiters:
        await waiter.__aenter__()
    await settled()
    assert keys.info("clients")["blocked_clients"] == 1
    assert keys.info("clients")["connected_clients"] <= before + 8 + 1
    await other.run(Publish("c7", ("1",)))
    assert await waiters[7].next() == {topics.log("c7")}
    await settled()
    assert [place for place, waiter in enumerate(waiters) if not waiter.woken.empty()] == []
    await other.run(Publish("c", ("1",)))
    for waiter in waiters:
        assert await waiter.next() == {C}
        await waiter.__aexit__()


async def test_nothing_is_missed_while_a_task_is_busy_elsewhere(desk: Desk, other: Desk) -> None:
    """A writer and a reader at full speed: the reader ends with the last entry, without a wait that is over in vain."""

    async def write() -> None:
        for _ in range(300):
            await other.run(Publish("c", ("1",)))

    position = 0
    writing = asyncio.create_task(write())
    async with asyncio.timeout(LONG_MS * 2 / 1000):
        while position < 300:
            assert await desk.store.wait([C], LONG_MS) == {C}
            page = await desk.run(Read("c", position))
            position = page.entries[-1].position if page.entries else position
    await writing


async def test_an_entry_that_was_trimmed_at_once_wakes_too(desk: Desk, other: Desk) -> None:
    async with Waiter(desk, C) as waiter:
        await settled()
        await other.store.run(Publish("c", ("1",)), Trim("c"))
        assert await waiter.next() == {C}


@pytest.mark.usefixtures("server_of_ours")
async def test_a_broken_connection_wakes_all_and_is_made_again(
    desk: Desk, other: Desk, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RETRY_S", 0.01)
    async with Waiter(desk, C) as waiter:
        await settled()
        (blocked,) = [client for client in keys.client_list() if client["cmd"] == "xread"]
        keys.client_kill_filter(_id=blocked["id"])
        assert await waiter.next() == {C}
        await settled()
        await other.run(Publish("c", ("1",)))
        assert await waiter.next() == {C}


async def test_a_wait_for_a_queue_and_a_channel_ends_with_either(desk: Desk, other: Desk, keys: Any) -> None:
    async with Waiter(desk, topics.ready("q"), C) as waiter:
        await settled()
        await other.run(Publish("c", ("1",)))
        assert await waiter.next() == {C}
        await settled()
        await other.add(new())
        assert await waiter.next() == {topics.ready("q")}


async def test_streams_that_nobody_waits_for_are_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STREAMS_MAX", 10)
    async with Waiter(desk, C) as waiter:
        for number in range(30):
            await asyncio.create_task(desk.store.wait([topics.log(f"c{number}")], 0))
        assert len(desk.store._bell._watch._ends) <= 11  # type: ignore[attr-defined]
        await desk.run(Publish("c", ("1",)))
        assert await waiter.next() == {C}


async def test_closing_ends_a_wait_for_a_channel(valkey_url: str, prefix: str, keys: Any) -> None:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    waiter = Waiter(Desk(store), C)
    async with waiter:
        await settled()
        await store.close()
        with pytest.raises(Unavailable):
            await waiter._task


async def test_a_server_that_is_away_is_told_to_who_waits() -> None:
    with valkey.running() as server:
        store = RedisStore(server.url)
        await store.open()
        try:
            waiter = Waiter(Desk(store), C)
            async with waiter:
                await settled()
                server.stop()
                with pytest.raises(Unavailable):
                    await waiter._task
            server.start()
            async with Waiter(Desk(store), C) as again:
                await store.run(Publish("c", ("1",)), Add((new(),)))
                assert await again.next() == {C}
        finally:
            await store.close()
