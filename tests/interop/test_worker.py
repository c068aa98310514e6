"""A worker of ours on Redis: what it does is told, and it does what it is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from headrace.core import topics
from headrace.core.commands import Read
from headrace.core.log import Change
from headrace.engine.home import Home
from headrace.storage.redis import RedisStore
from headrace.worker import Worker
from headrace.workers import Workers
from tests.conformance.desk import Desk, new
from tests.engine.workshop import registry
from tests.interop.node import Node

DEADLINE_S = 20
JOBS = topics.log(topics.job_events("q"))


async def task() -> str:
    return "done"


async def fail() -> None:
    raise ValueError("no")


@pytest.fixture
async def worker(valkey_url: str, prefix: str, keys: Any) -> AsyncIterator[Worker]:
    """On a store of its own, as in another process."""
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    async with asyncio.timeout(DEADLINE_S):
        made = Worker(store, registry(task, fail), concurrency=3, name="ours")
        async with made:
            yield made
    await store.close()


async def ends(desk: Desk, count: int) -> list[Change]:
    """The first ends of jobs of `q`, as its events tell them."""
    position, found = 0, list[Change]()
    while len(found) < count:
        page = await desk.run(Read("jobs/q", position))
        assert page.gap is None
        for entry in page.entries:
            position = entry.position
            change = msgspec.json.decode(entry.body, type=Change)
            found += [change] if change.state in {"completed", "failed"} else []
        if position >= page.last and len(found) < count:
            await desk.store.wait([JOBS], 5_000)
    return found


async def test_events_of_a_worker_can_be_followed(desk: Desk, worker: Worker) -> None:
    following = asyncio.create_task(ends(desk, 3))
    await desk.add(new("task"), new("fail"), new("task"))
    found = await following
    assert sorted(change.state for change in found) == ["completed", "completed", "failed"]
    assert {change.cause for change in found} == {None, "error"}


async def test_events_of_ours_and_of_nodes_workers_are_one_log(node: Node, desk: Desk, worker: Worker) -> None:
    await node("work", "q", {})
    await desk.add(*(new("task") for _ in range(20)))
    await node("add", "q", [["task", {}, {}]] * 20)
    assert await ends(desk, 40) == [Change("completed", "active")] * 40


async def test_a_worker_is_seen_and_does_what_it_is_told(desk: Desk, worker: Worker) -> None:
    home = Home()
    home.is_here()
    workers = Workers(desk.store, home)
    while not await workers.list():  # it is announced when it hears
        await asyncio.sleep(0.01)
    assert list(await workers.ping()) == [worker.id]
    paused = await workers.pause(worker.id)
    assert paused[worker.id].state == "paused"
    assert (await workers.set_concurrency(5, worker.id))[worker.id].concurrency == 5
    await desk.add(new("task"))
    await workers.resume(worker.id)
    assert await ends(desk, 1) == [Change("completed", "active")]
