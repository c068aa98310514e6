"""Limits of a queue that Node and our workers share hold for all of them together."""

from typing import Any

import pytest

from headrace.core import lifecycle
from headrace.core.commands import Add, Configure, Queues
from headrace.core.errors import QueueFull
from headrace.core.jobs import NewJob
from headrace.core.limits import Capacity, Rate, key_of
from headrace.core.outcomes import PutBack
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


async def test_a_queue_rests_for_a_part_of_the_span_of_its_rate(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", rate=Rate(9, SPAN_MS)))
    await desk.add(new(), new())
    (lease,) = await desk.claim(limit=1)
    await desk.settle(lifecycle.settle(lease, PutBack(SPAN_MS // 2), 0.0))
    claimed = await desk.claimed(limit=5)
    assert claimed.leases == ()
    assert claimed.wait_ms is not None
    assert 0 < claimed.wait_ms <= SPAN_MS // 2
    assert await node("fetch", "q", "theirs", SPAN_MS) is None


async def test_places_are_shared(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", concurrency=2))
    await desk.add(*(new() for _ in range(4)))
    assert await node("take", "q", "theirs", SPAN_MS) == "1"
    (lease,) = await desk.claim(limit=5)
    assert lease.id == "2"
    await desk.settle(done(lease))
    assert ids(await desk.claim(limit=5)) == ["3"]


def of(tenant: str, **fields: object) -> NewJob:
    return new(tenant, data=f'{{"tenant": "{tenant}"}}', **fields)


async def limit_tenants(desk: Desk, running: int | None = None, waiting: int | None = None) -> None:
    await desk.run(Configure("q", per_key={"tenant": Capacity(running, waiting)}))


async def test_node_cannot_take_what_may_not_run_yet(node: Node, desk: Desk) -> None:
    await limit_tenants(desk, running=1)
    await desk.add(of("a"), of("a"), of("a", priority=1), of("b"))
    assert await node("take", "q", "one", SPAN_MS) == "1"
    assert await node("take", "q", "two", SPAN_MS) == "4"
    assert (await node("counts", "q"))["waiting"] == 0
    assert await desk.counts() == {"active": 2, "waiting": 1, "prioritized": 1}
    await node("complete", "q", "1", "one")
    await desk.recover()  # or any other command that looks at the queue
    assert await node("take", "q", "three", SPAN_MS) == "2"


async def test_node_takes_jobs_in_turn(node: Node, desk: Desk) -> None:
    await limit_tenants(desk)
    await desk.add(of("a"), of("a"), of("a"), of("b"), of("c"))
    assert [await node("take", "q", f"token {n}", SPAN_MS) for n in range(5)] == ["1", "4", "5", "2", "3"]


async def test_what_node_took_was_a_turn_of_its_key(node: Node, desk: Desk) -> None:
    await limit_tenants(desk)
    await desk.add(of("a"), of("a"), of("b"))
    assert await node("take", "q", "one", SPAN_MS) == "1"
    assert ids(await desk.claim()) == ["3", "2"]


async def test_jobs_that_node_adds_have_keys_too(node: Node, desk: Desk) -> None:
    await limit_tenants(desk, running=1, waiting=2)
    await node(
        "add", "q", [["a", {"tenant": "a"}, {}], ["a", {"tenant": "a"}, {"priority": 2}], ["b", {"tenant": 7}, {}]]
    )
    assert ids(await desk.claim()) == ["1", "3"]
    await desk.add(of("a"))
    assert isinstance(await desk.refusal(Add((of("a"),))), QueueFull)


async def test_what_node_has_finished_takes_up_no_room(node: Node, desk: Desk) -> None:
    await limit_tenants(desk, waiting=1)
    await desk.add(of("a"))
    await node("take", "q", "one", SPAN_MS)
    await node("complete", "q", "1", "one")
    await desk.add(of("a"))
    assert isinstance(await desk.refusal(Add((of("a"),))), QueueFull)


async def test_a_worker_that_may_take_none_of_the_next_jobs_does_not_wake_itself(
    desk: Desk, keys: Any, prefix: str
) -> None:
    await limit_tenants(desk)
    await desk.add(of("a"), of("b"))
    keys.delete(f"{prefix}:q:marker")
    assert await desk.claim(names=("other",)) == ()
    assert not keys.exists(f"{prefix}:q:marker")
    assert keys.lrange(f"{prefix}:q:wait", 0, -1) == ["2", "1"]


async def test_places_are_counted_anew_when_nothing_is_ready(desk: Desk, keys: Any, prefix: str) -> None:
    await limit_tenants(desk)
    await desk.add(of("a"), of("b"))
    await desk.claim()
    assert keys.hget(f"{prefix}~:q:turns", "back") == "4"
    await desk.claim()
    assert not keys.exists(f"{prefix}~:q:turns")


async def test_lifted_limits_leave_no_keys(desk: Desk, keys: Any, prefix: str) -> None:
    await limit_tenants(desk, running=1)
    await desk.add(of("a"), of("a"), of("a", priority=2), of("b"))
    await desk.claim()
    await desk.run(Configure("q", per_key=None))
    assert keys.lrange(f"{prefix}:q:wait", 0, -1) == ["2"]
    assert keys.zrange(f"{prefix}:q:prioritized", 0, -1) == ["3"]
    assert [key for key in keys.keys(f"{prefix}~:q:*") if not key.endswith(":numbered")] == []


async def test_a_queue_without_limits_has_no_keys_for_them(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new(), new(priority=1))
    await desk.settle(*map(done, await desk.claim()))
    assert {key.rpartition(":tally:")[0] for key in keys.keys(f"{prefix}~:q:*")} == {f"{prefix}~:q"}


async def test_a_parked_job_that_node_has_deleted_is_passed_over(
    node: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    await limit_tenants(desk, running=1)
    await desk.add(of("a"), of("a"), of("a"))
    keys.delete(f"{prefix}:q:2")
    for expected in ("1", "3"):
        (lease,) = await desk.claim()
        assert lease.id == expected
        await desk.settle(done(lease))
    assert await desk.counts() == {"completed": 2}


@pytest.mark.parametrize(
    "data",
    [
        '{"tenant": "a"}', '{"tenant": 7}', '{"tenant":-0}', '{"tenant": 9223372036854775807}', "{}", "[]", "7",
        '"tenant"',
        '{"tenant": 9223372036854775808}', '{"tenant": -9223372036854775808}', '{"tenant": 7.0}', '{"tenant": 7e2}',
        '{"tenant": "a\\u0000b"}', '{"tenant": "\\u00e9\\"\\\\,:}"}', '{"\\u0074enant": "x"}', '{"tenant": ""}',
        '{"x": {"tenant": 1}, "tenant": 2}', '{"x": ["tenant", {"tenant": 1}], "y": "\\\\", "tenant":\n"z" }',
        '{"tenant": 1, "tenant": "last"}', '{"tenant": null}', '{"tenant": {"tenant": 1}}', '{"x": "tenant", "y": 3}',
        '{"tenant": "é"}', '{"tenant": true}', '{"tenant": [7]}', '{"x": "\\\\\\"", "tenant": "q"}', '{"Tenant": 1}',
    ],
)  # fmt: skip
async def test_the_key_of_a_job_is_the_one_that_core_reads(desk: Desk, keys: Any, prefix: str, data: str) -> None:
    await limit_tenants(desk)
    await desk.add(new(data=data))
    expected = key_of("tenant", data)
    assert keys.hget(f"{prefix}:q:1", "hrb") == "tenant" + ("" if expected is None else f"={expected}")
