"""The numbered log of job events, which is made from BullMQ's stream when somebody reads it."""

import json
from typing import Any

from msgspec.structs import replace

from headrace.core.commands import Add, Channels, Entries, Publish, Read
from headrace.core.jobs import Failure
from headrace.core.log import Change, Gap
from headrace.storage.memory import MemoryStore
from headrace.storage.redis import RedisStore
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import (
    Desk,
    awaits_children,
    child,
    done,
    failed,
    later,
    new,
    parent,
    put_back,
    ref,
)
from tests.interop.node import Node

WAIT_MS = 8_000


async def everything(desk: Desk, clock: FrozenClock) -> None:
    """What can happen to a job, with a priority and without."""
    for priority in (0, 3):
        await desk.add(new(priority=priority), new(priority=priority, delay_ms=5), new("x", priority=priority))
        clock.advance(6)
        first, second, third = await desk.claim(limit=3)
        await desk.settle(put_back(first), later(second, 5), failed(third, "no", is_retryable=False))
        clock.advance(6)
        again = await desk.claim(limit=2)
        await desk.settle(*(done(lease) for lease in again))
        await desk.add(new(priority=priority, max_stalled=0))
        await desk.claim_one(lease_ms=1)
        clock.advance(1)
        await desk.recover()
        await desk.fail()
        flow = f"p{priority}"
        await desk.add(parent(flow, priority=priority, delay_ms=5), child(flow, queue="r"))
        await desk.add(parent(f"{flow}f", priority=priority), child(f"{flow}f", queue="r"))
        await desk.finish("r")
        await desk.fail("r")
        await desk.fail()
        clock.advance(5)
        await desk.settle(awaits_children(await desk.claim_one()))
        lease = await desk.claim_one()
        cancelled = Failure("not wanted", "cancelled", attempt=1)
        settlement = failed(lease, is_retryable=False)
        await desk.settle(replace(settlement, failure=cancelled))


async def test_all_that_happens_is_told_as_the_memory_store_tells_it(
    valkey_url: str, prefix: str, keys: Any, clock: FrozenClock
) -> None:
    told = []
    start = clock.now
    for store in (MemoryStore(clock=clock), RedisStore(valkey_url, prefix=prefix, clock=clock)):
        clock.now = start
        await store.open()
        try:
            desk = Desk(store)
            await everything(desk, clock)
            told.append([await desk.run(Read(f"jobs/{queue}")) for queue in "qr"])
        finally:
            await store.close()
    assert told[1] == told[0]


async def test_what_node_does_is_in_the_log(node: Node, desk: Desk) -> None:
    await desk.add(new())
    await node("add", "q", [["task", {}, {}], ["fail", {}, {"delay": 5, "attempts": 2, "backoff": 5}]])
    await node("work", "q", {})
    await node("ended", 4, WAIT_MS)
    told: dict[str, list[Change]] = {}
    for key, change in await desk.events():
        told.setdefault(key, []).append(change)
    ran = [Change("active", "waiting")]
    done = [Change("waiting"), *ran, Change("completed", "active")]
    assert told["1"] == told["2"] == done
    assert told["3"] == [
        Change("delayed"), Change("waiting", "delayed"), *ran,
        Change("delayed", "active"), Change("waiting", "delayed"), *ran, Change("failed", "active", "error"),
    ]  # fmt: skip


async def test_ours_is_the_last_field_and_only_where_bullmqs_say_too_little(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new(), new(priority=1))
    found = [entry for _, entry in keys.xrange(f"{prefix}:q:events")]
    assert [list(entry) for entry in found] == [
        ["event", "jobId", "name"],
        ["event", "jobId"],
        ["event", "jobId", "name"],
        ["event", "jobId", "hr"],
    ]
    assert json.loads(found[3]["hr"]) == {"state": "prioritized"}


async def test_node_hears_of_our_jobs_what_it_hears_of_its_own(node: Node, desk: Desk) -> None:
    await node("listen", "q")
    await desk.add(new(priority=1))
    lease = await desk.claim_one()
    late = Failure("too late", "timeout", attempt=1)
    await desk.settle(replace(failed(lease, is_retryable=False), failure=late))
    told = await node("told", 3, WAIT_MS)
    assert [(name, {key: text for key, text in fields.items() if key != "hr"}) for name, fields in told] == [
        ("waiting", {"jobId": "1"}),
        ("active", {"jobId": "1", "prev": "waiting"}),
        ("failed", {"jobId": "1", "failedReason": "too late", "prev": "active"}),
    ]
    assert await desk.changes(ref("1")) == [
        Change("prioritized"), Change("active", "prioritized"), Change("failed", "active", "timeout"),
    ]  # fmt: skip


async def test_nothing_is_lost_to_a_reader_while_ours_trim(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    keys.hset(f"{prefix}:q:meta", "opts.maxLenEvents", 100)
    position = (await desk.run(Read("jobs/q"))).last
    for _ in range(4):
        await desk.add(*(new() for _ in range(1_500)))
    page: Entries = await desk.run(Read("jobs/q", position, 10_000))
    assert (page.gap, page.last, len(page.entries)) == (None, 6_001, 6_000)
    assert [entry.key for entry in page.entries] == [str(number) for number in range(2, 6_002)]
    assert keys.xlen(f"{prefix}:q:events") < 300


async def test_a_log_that_nobody_reads_any_more_is_bounded(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    await desk.run(Read("jobs/q"))
    for _ in range(3):
        await desk.add(*(new() for _ in range(5_000)))
    assert keys.xlen(f"{prefix}~:q:log") == 1
    assert keys.xlen(f"{prefix}:q:events") < 22_200
    page: Entries = await desk.run(Read("jobs/q", 1, 1))
    assert page.last <= 30_001
    assert page.gap == Gap(2, page.entries[0].position - 1)
    assert keys.xlen(f"{prefix}:q:events") < 10_200


async def test_a_queue_that_nobody_reads_has_no_log_and_its_first_reader_a_gap(
    desk: Desk, keys: Any, prefix: str
) -> None:
    await desk.add(new())
    keys.hset(f"{prefix}:q:meta", "opts.maxLenEvents", 100)
    await desk.add(*(new() for _ in range(1_000)))
    assert not keys.exists(f"{prefix}~:q:log", f"{prefix}~:q:numbered")
    page: Entries = await desk.run(Read("jobs/q"))
    gone = 2_002 - keys.xlen(f"{prefix}:q:events")
    assert page.gap == Gap(1, gone)
    assert page.entries[0].position == gone + 1
    assert page.entries[-1].position == page.last


async def test_a_reader_is_told_of_a_gap_when_others_trimmed(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    assert (await desk.run(Read("jobs/q"))).last == 1
    await desk.add(new(), new())
    keys.xtrim(f"{prefix}:q:events", maxlen=1, approximate=False)
    page: Entries = await desk.run(Read("jobs/q", 1))
    assert ([entry.position for entry in page.entries], page.last) == ([5], 5)
    keys.xtrim(f"{prefix}~:q:log", maxlen=1, approximate=False)
    assert (await desk.run(Read("jobs/q", 1))).gap == Gap(2, 4)


async def test_positions_go_on_when_node_has_obliterated_the_queue(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new(), new())
    assert (await desk.run(Read("jobs/q"))).last == 2
    keys.delete(f"{prefix}:q:events")
    assert (await desk.run(Read("jobs/q"))).last == 3, "a gap"
    await desk.add(new())
    assert [entry.position for entry in (await desk.run(Read("jobs/q", 3))).entries] == [4]


async def test_channels_number_a_bounded_count_of_events(desk: Desk) -> None:
    for queue in ("q", "r"):
        await desk.store.run(Add(tuple(new(queue=queue) for _ in range(100))))
    await desk.run(Publish("c", ("1",)))
    assert [(channel.name, channel.last) for channel in (await desk.run(Channels())).channels] == [
        ("c", 1), ("jobs/q", 100), ("jobs/r", 100),
    ]  # fmt: skip
