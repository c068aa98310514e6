"""The way into a Redis store from threads: it waits for nobody's event loop, and ends with its store."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from headrace.core.commands import Add, Count
from headrace.core.errors import Unavailable
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore

NAME = "headrace-redis-blocking"


@pytest.fixture
async def store(valkey_url: str, prefix_on: Callable[[str], str]) -> AsyncIterator[RedisStore]:
    made = RedisStore(valkey_url, prefix=prefix_on(valkey_url))
    await made.open()
    yield made
    await made.close()


def threads() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


async def test_a_thread_is_answered_while_the_loop_stands_still(store: RedisStore) -> None:
    granted(store.run_blocking(Add((NewJob("q", "n"),))))
    granted(store.run_blocking(Add((NewJob("q", "n"),))))
    assert granted(await store.run(Count(("q",)))).queues["q"]["waiting"] == 2


async def test_many_threads_are_answered_at_once(store: RedisStore) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(asyncio.to_thread(store.run_blocking, Add((NewJob("q", "n"),))))
    assert granted(await store.run(Count(("q",)))).queues["q"]["waiting"] == 20


async def test_a_store_that_is_not_asked_so_has_no_thread(store: RedisStore) -> None:
    granted(await store.run(Count(("q",))))
    assert threads() == 0


async def test_the_thread_ends_with_the_store(store: RedisStore) -> None:
    store.run_blocking(Count(("q",)))
    assert threads() == 1
    await store.close()
    assert threads() == 0
    with pytest.raises(Unavailable):
        store.run_blocking(Count(("q",)))
    await store.open()
    store.run_blocking(Count(("q",)))


async def test_the_thread_of_a_store_that_nobody_closed_ends_with_it_too(valkey_url: str) -> None:
    left = RedisStore(valkey_url, prefix="blocking")
    await left.open()
    left.run_blocking(Count(("q",)))
    connections = left._line
    assert connections is not None
    del left
    gc.collect()
    assert threads() == 0
    connections.close()
    await asyncio.sleep(0)
