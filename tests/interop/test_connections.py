"""Which connections a store has, and by which names others see them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from headrace.core import topics
from headrace.core.commands import Claim, Source
from headrace.storage.redis import RedisStore, ear
from headrace.worker import Worker
from tests.conformance.desk import Desk, new
from tests.engine.workshop import registry
from tests.interop.node import Node

WITHIN_S = 10.0
pytestmark = pytest.mark.usefixtures("server_of_ours")  # they look at all who are connected


async def task() -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def working(url: str, prefix: str, *names: str, queues: tuple[str, ...] = ("q",)) -> AsyncIterator[list[Worker]]:
    """Workers of these names on one store."""
    store = RedisStore(url, prefix=prefix)
    await store.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        handlers = registry(task, queue=queues[0])
        for queue in queues[1:]:
            handlers.add(registry(task, queue=queue).find(queue, "task"))  # type: ignore[arg-type]
        yield [await stack.enter_async_context(Worker(store, handlers, name=name, concurrency=50)) for name in names]


async def blocked(keys: Any, count: int) -> list[str]:
    """The names of connections that wait for markers, when there are so many."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = sorted(client["name"] for client in keys.client_list() if client["cmd"] == "bzpopmin")
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)


async def test_node_finds_our_workers_by_their_names(node: Node, valkey_url: str, prefix: str, keys: Any) -> None:
    async with working(valkey_url, prefix, "anna", "bert") as workers:
        await blocked(keys, 2)
        found = await node("workers", "q")
        raw = [f"{prefix}:cQ==:w:{worker.id}" for worker in workers]
        assert sorted(client["rawname"] for client in found) == sorted(raw)
        assert {client["name"] for client in found} == {"q"}
        assert await node("workers", "other") == []
    async with asyncio.timeout(WITHIN_S):
        while await node("workers", "q"):
            await asyncio.sleep(0.01)


async def test_node_counts_its_workers_and_ours(node: Node, valkey_url: str, prefix: str, keys: Any) -> None:
    await node("work", "q", {})
    async with working(valkey_url, prefix, "anna"):
        await blocked(keys, 2)
        assert len(await node("workers", "q")) == 2


@pytest.mark.parametrize("name", ["two words", "ünïcode\nline"])
async def test_a_name_that_redis_does_not_take_is_bent(valkey_url: str, prefix: str, keys: Any, name: str) -> None:
    async with working(valkey_url, prefix, name):
        (found,) = await blocked(keys, 1)
        assert found.startswith(f"{prefix}:cQ==:w:")


async def test_a_store_has_one_connection_for_commands_one_for_events_one_for_renewals_and_one_a_queue(
    valkey_url: str, prefix: str, keys: Any
) -> None:
    others = len(keys.client_list())
    async with working(valkey_url, prefix, "anna", queues=("q", "r")):
        await blocked(keys, 2)
        store = RedisStore(valkey_url, prefix=prefix)
        await store.open()
        await asyncio.gather(*(Desk(store).add(new("task")) for _ in range(50)))
        await store.close()
        async with asyncio.timeout(WITHIN_S):  # until the server has seen that those of the other are closed
            while len(names := [client["name"] for client in keys.client_list()]) != others + 5:
                await asyncio.sleep(0.01)
        assert names.count("headrace-commands") == 1
        assert names.count("headrace-events") == 1
        assert names.count("headrace-commands-aside") == 1  # leases are renewed beside the loop


async def test_who_does_not_wait_leaves_markers_to_others(desk: Desk, valkey_url: str, prefix: str, keys: Any) -> None:
    """A worker of two queues that was woken by one goes on to listen to the other, but takes nothing away there."""
    both = [topics.ready("a"), topics.ready("b")]
    found = asyncio.Queue[frozenset[str]]()
    waiting = asyncio.create_task(_wait_and_do_something_else(desk, both, found))
    other = RedisStore(valkey_url, prefix=prefix)
    await other.open()
    try:
        await blocked(keys, 2)
        await Desk(other).add(new(queue="a"))
        assert await found.get() == frozenset(both[:1])
        await Desk(other).add(new(queue="b"))
        async with asyncio.timeout(WITHIN_S):
            while not keys.exists(f"{prefix}:b:marker"):  # it was taken, and is given back
                await asyncio.sleep(0.01)
    finally:
        waiting.cancel()
        await other.close()


async def _wait_and_do_something_else(desk: Desk, wanted: list[str], found: "asyncio.Queue[frozenset[str]]") -> None:
    await desk.store.wait(wanted, 1)
    found.put_nowait(await desk.store.wait(wanted, 5_000))
    await asyncio.Event().wait()


async def test_the_name_is_that_of_the_worker_that_waits_now(valkey_url: str, prefix: str, keys: Any) -> None:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    for number in range(ear.CLAIMERS_MAX + 2):
        await store.run(Claim((Source("q"),), 1, "t", 1_000, f"gone-{number}"))
    async with Worker(store, registry(task), name="anna") as worker:
        assert await blocked(keys, 1) == [f"{prefix}:cQ==:w:{worker.id}"]
    await store.close()


async def test_a_worker_that_was_woken_blocks_no_more_until_it_waits_again(
    desk: Desk, valkey_url: str, prefix: str, keys: Any
) -> None:
    found = asyncio.Queue[frozenset[str]]()
    waiting = asyncio.create_task(_wait_and_do_something_else(desk, [topics.ready("q")], found))
    await blocked(keys, 1)
    await desk.add(new())
    await found.get()
    await desk.add(new())
    assert keys.exists(f"{prefix}:q:marker")
    assert keys.info("clients")["blocked_clients"] == 0
    waiting.cancel()
