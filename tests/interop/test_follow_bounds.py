"""How soon a follower of a job that Node ended runs, with an idle worker of ours; and what a lost event leaves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from headrace import App
from headrace.core.commands import Recover
from headrace.core.jobs import Follow
from headrace.core.log import Gap
from headrace.storage.redis import RedisStore
from headrace.worker import Worker
from tests.conformance.desk import Desk, done, new, ref
from tests.engine.workshop import registry
from tests.interop.node import Node

ALWAYS_S: Final = 10
MANY: Final = 5_000
PAGE: Final = 1_000


async def follower() -> None:
    pass


def followers(queue: str, *numbers: int) -> list[Any]:
    """Jobs of `q` to be done by Node, and who follows each."""
    jobs = [new(id=f"j{number}") for number in numbers]
    return jobs + [
        new("follower", queue=queue, id=f"f{number}", has_children=True, follows=(Follow("q", f"j{number}", "ignore"),))
        for number in numbers
    ]


@pytest.fixture
async def worker(valkey_url: str, prefix: str, keys: Any) -> AsyncIterator[Worker]:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    async with Worker(store, registry(follower, queue="f")) as made:
        yield made
    await store.close()


@pytest.mark.parametrize("lost", [None, "trimEvents", "the stream"])
async def test_an_idle_worker_runs_who_waited_for_a_job_of_nodes(
    look: Node, desk: Desk, worker: Worker, keys: Any, prefix: str, lost: str | None
) -> None:
    await desk.add(*followers("f", 1))
    await look("work", "q", {})
    await look("listen", "q")
    await look("told", "completed", 1, 8_000)
    if lost == "trimEvents":
        await look("queue", "q", "trimEvents", 0)
    elif lost:
        keys.delete(f"{prefix}:q:events")
    async with asyncio.timeout(ALWAYS_S):
        while await desk.state(ref("f1", "f")) != "completed":
            await asyncio.sleep(0.02)


async def test_of_thousands_that_node_ends_none_waits_long(look: Node, desk: Desk, worker: Worker) -> None:
    for first in range(0, MANY, PAGE):
        await desk.add(*followers("parked", *range(first, first + PAGE)))
    await look("work", "q", {"concurrency": 100})
    while (await desk.counts()).get("completed", 0) < MANY:
        await asyncio.sleep(0.05)
    async with asyncio.timeout(ALWAYS_S):
        while (await desk.counts("parked")).get("waiting", 0) < MANY:
            await asyncio.sleep(0.05)


async def test_as_long_as_one_was_not_looked_at_recover_is_to_be_sent_again(
    look: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    """By that the thousand of one step do not bound what is told in time."""
    await desk.add(*followers("f", *range(PAGE + 500)))
    followed = f"{prefix}~::followed"
    assert not (await desk.run(Recover())).is_more
    with keys.pipeline() as pipeline:
        for key in keys.zrange(followed, 0, -1):
            pipeline.zincrby(followed, -6_000, key)
        pipeline.execute()
    assert (await desk.run(Recover())).is_more
    assert not (await desk.run(Recover())).is_more


async def test_a_reader_of_events_is_told_of_what_node_trimmed(
    look: Node, desk: Desk, valkey_url: str, prefix: str
) -> None:
    async with App(valkey_url, prefix=prefix) as app:
        await desk.add(new())
        events = app.queue("q").events(after=0)
        first: Any = await anext(events)
        await desk.add(new(), new())
        await look("queue", "q", "trimEvents", 0)
        await desk.settle(done(await desk.claim_one()))
        async with asyncio.timeout(ALWAYS_S):
            gap = await anext(events)
            told: list[Any] = [await anext(events) for _ in range(2)]
        await events.aclose()
    assert gap == Gap(2, 5, "q"), "each of BullMQ's events counts"
    assert (first.position, [event.position for event in told]) == (1, [6, 7])
    assert [event.state for event in told] == ["active", "completed"]


async def test_what_node_trimmed_to_nothing_is_a_gap_too(look: Node, desk: Desk, valkey_url: str, prefix: str) -> None:
    async with App(valkey_url, prefix=prefix) as app:
        await desk.add(new())
        events = app.queue("q").events(after=0)
        await anext(events)
        await desk.add(new())
        await look("queue", "q", "trimEvents", 0)
        async with asyncio.timeout(ALWAYS_S):
            assert await anext(events) == Gap(2, 3, "q")
        await events.aclose()
