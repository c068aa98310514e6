"""We empty a queue with a job scheduler of BullMQ: drained, it goes on; obliterated, nothing of it is left."""

from typing import Any

import headrace
from tests.interop.node import Node

HOURLY = {"every": 3_600_000}
TEMPLATE = {"name": "tick", "data": {}, "opts": {"attempts": 1}}


async def scheduled(node: Node, keys: Any, prefix: str) -> str:
    """The id of the job of the present slot, which is ready at once."""
    await node("schedule", "q", "s", HOURLY, TEMPLATE)
    slot: str = keys.lindex(f"{prefix}:q:wait", 0)
    return slot


async def test_a_drain_leaves_the_next_job_of_a_scheduler_to_it(
    node: Node, valkey_url: str, keys: Any, prefix: str
) -> None:
    slot = await scheduled(node, keys, prefix)
    await node("add", "q", [["task", {}, {}], ["task", {}, {"priority": 2}], ["task", {}, {"delay": 90_000}]])
    async with headrace.App(valkey_url, prefix=prefix) as app:
        swept = await app.queue("q").drain(delayed=True)
    assert swept.done == 3
    assert (await node("counts", "q"))["waiting"] == 1
    assert await node("fetch", "q", "t", 90_000) == slot
    assert keys.zcard(f"{prefix}:q:delayed") == 1, "the job of the next slot"


async def test_nothing_of_bullmq_is_left_of_a_queue_but_its_counter(
    node: Node, valkey_url: str, keys: Any, prefix: str
) -> None:
    await scheduled(node, keys, prefix)
    await node("add", "q", [["task", {}, {"deduplication": {"id": "k"}}]])
    async with headrace.App(valkey_url, prefix=prefix) as app:
        await app.queue("q").obliterate()
    assert keys.keys(f"{prefix}:q:*") == [f"{prefix}:q:id"]
