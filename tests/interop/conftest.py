"""A queue that a real BullMQ and our store share."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import redis

from headrace.storage.redis import RedisStore
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk
from tests.interop.across import Across
from tests.interop.node import CannotRun, Node, installed, running
from tests.servers.prefixes import fresh_prefix


@pytest.fixture(scope="session")
def bullmq() -> Path:
    try:
        return installed()
    except CannotRun as reason:
        pytest.skip(str(reason))


@pytest.fixture
def prefix(valkey_url: str, prefix_on: Callable[[str], str]) -> str:
    return prefix_on(valkey_url)


@pytest.fixture
async def node(bullmq: Path, valkey_url: str, prefix: str) -> AsyncIterator[Node]:
    async with running(bullmq, valkey_url, prefix) as node:
        yield node


@pytest.fixture
async def look(bullmq: Path, valkey_url: str, prefix: str) -> AsyncIterator[Node]:
    """A Node that can be asked all that BullMQ's queues, jobs and flows can, by look.cjs."""
    async with running(bullmq, valkey_url, prefix, Path(__file__).with_name("look.cjs")) as node:
        yield node


@pytest.fixture
async def desk(valkey_url: str, prefix: str, keys: Any) -> AsyncIterator[Desk]:
    """Our store, by the real clock, since Node knows no other."""
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    try:
        yield Desk(store)
    finally:
        await store.close()


@pytest.fixture
def keys(valkey_url: str) -> Iterator[Any]:
    """The server as it is."""
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def across(bullmq: Path, valkey_url: str) -> AsyncIterator[Across]:
    """One Node for all tests of a file, each with queues of its own."""
    with fresh_prefix(valkey_url) as prefix, redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        async with running(bullmq, valkey_url, prefix) as node:
            both = Across(node, valkey_url, prefix, client)
            async with both.app:
                yield both
