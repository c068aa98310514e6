"""Limits of a queue that Node and our workers share hold for all of them together."""

from headrace.core.commands import Configure, Queues
from headrace.core.limits import Rate
from tests.conformance.desk import Desk, done, ids, new
from tests.interop.node import Node

SPAN_MS = 60_000  # does not end within a test


async def test_what_node_started_counts_for_our_rate_and_the_other_way_round(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", rate=Rate(2, SPAN_MS)))
    await desk.add(*(new() for _ in range(4)))
    assert await node("take", "q", "theirs", SPAN_MS) == "1"
    claimed = await desk.claimed(limit=5)
    assert ids(claimed.leases) == ["2"]
    assert claimed.wait_ms is not None
    assert 0 < claimed.wait_ms <= SPAN_MS
    (record,) = (await desk.run(Queues(("q",)))).queues
    assert record.startable_at is not None
    assert (await node("meta", "q"))["rate"] == {"max": 2, "duration": SPAN_MS}
    assert (await node("counts", "q"))["waiting"] == 2


async def test_places_are_shared(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", concurrency=2))
    await desk.add(*(new() for _ in range(4)))
    assert await node("take", "q", "theirs", SPAN_MS) == "1"
    (lease,) = await desk.claim(limit=5)
    assert lease.id == "2"
    await desk.settle(done(lease))
    assert ids(await desk.claim(limit=5)) == ["3"]
