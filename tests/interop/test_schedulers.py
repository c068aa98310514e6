"""BullMQ's job schedulers, whose chain goes on when one of our workers claims their job."""

import asyncio
import json
from typing import Any

import pytest

from headrace.core.log import Change
from headrace.storage.redis import RedisStore
from headrace.worker import Worker
from tests.conformance.desk import Desk, failed, new
from tests.engine.workshop import registry
from tests.interop.node import Node
from tests.interop.test_layout import INSTANT, neutral
from tests.interop.test_worker import DEADLINE_S, ends

HOUR = 3_600_000
NOON = {"pattern": "0 12 * * *", "tz": "Asia/Kathmandu"}
FAR = 4_000_000_000_000
TEMPLATE = {"name": "tick", "data": {"n": [1.0, 12345678901234567]}, "opts": {"attempts": 2}}


def hashes(keys: Any, prefix: str, queue: str) -> dict[str, Any]:
    """The scheduler `s` of a queue, its next job, and its events, without what time it was."""
    start = f"{prefix}:{queue}:"
    ((_, slot),) = keys.zrange(f"{start}repeat", 0, -1, withscores=True)
    job = {
        name: text for name, text in keys.hgetall(f"{start}repeat:s:{slot:.0f}").items() if not name.startswith("hr")
    }
    job["opts"] = json.loads(job["opts"])
    assert int(job["timestamp"]) + int(job.pop("delay")) == slot
    assert job["opts"].pop("delay") <= slot
    told = [
        {name: text for name, text in entry.items() if not name.startswith("hr")}
        for _, entry in keys.xrange(f"{start}events")
    ]
    scheduler = keys.hgetall(f"{start}repeat:s")
    for each in (scheduler, job["opts"]["repeat"]):  # offsets are by when it was made
        each["offset"] = "0" if int(each.get("offset") or 0) == 0 else "some"
    found = [scheduler, job, sorted(told, key=json.dumps), keys.get(f"{start}id")]
    return json.loads(INSTANT.sub("0", neutral(json.dumps(found), prefix)).replace('"<ms>"', "0").replace("<ms>", "0"))


async def claimed_by_both(node: Node, desk: Desk, repeat: dict[str, Any], template: dict[str, Any]) -> None:
    for queue in ("theirs", "ours"):
        job_id = await node("schedule", queue, "s", repeat, template)
        if (await desk.counts(queue)).get("delayed"):
            await node("hand", queue, job_id, "promote")
    await node("take", "theirs", "t", 60_000)
    await desk.claim_one("ours", worker="node")


async def tick() -> None:
    pass


@pytest.mark.parametrize(
    "repeat",
    [
        {"every": HOUR},
        {"every": HOUR, "limit": 5, "endDate": FAR, "offset": 100},
        {"pattern": "*/5 * * * *"},
        {**NOON, "limit": 5, "endDate": FAR},
        {"pattern": "0 0 12 ? * MON#1"},
        {"pattern": "0 12 * * *", "startDate": 3_900_000_000_000},
    ],
)
@pytest.mark.parametrize("opts", [{"attempts": 2}, {"priority": 3, "deduplication": {"id": "k"}, "keepLogs": 4}])
async def test_the_next_job_is_as_node_adds_it(
    node: Node, desk: Desk, keys: Any, prefix: str, repeat: dict[str, Any], opts: dict[str, Any]
) -> None:
    await claimed_by_both(node, desk, repeat, {**TEMPLATE, "opts": opts})
    ours, theirs = hashes(keys, prefix, "ours"), hashes(keys, prefix, "theirs")
    assert ours == theirs
    slots = [keys.zscore(f"{prefix}:{queue}:repeat", "s") for queue in ("ours", "theirs")]
    assert abs(slots[0] - slots[1]) < (HOUR if "every" in repeat else 1)


@pytest.mark.parametrize(
    ("repeat", "is_over"),
    [
        ({"every": HOUR, "count": 1, "endDate": 1_000}, True),
        ({"every": HOUR, "count": 1, "endDate": FAR}, False),
        ({"every": HOUR, "count": 3, "limit": 3}, True),
        ({"pattern": "0 0 1 1 *", "count": 1, "endDate": 3_900_000_000_000, "startDate": 3_899_999_000_000}, True),
        ({"pattern": "0 0 1 1 *", "count": 1, "endDate": FAR, "startDate": 3_899_999_000_000}, False),
    ],
)
async def test_a_chain_ends_where_it_does_for_node(
    node: Node, desk: Desk, keys: Any, prefix: str, repeat: dict[str, Any], is_over: bool
) -> None:
    for queue in ("theirs", "ours"):
        first = await node("schedule", queue, "s", {"every": HOUR}, TEMPLATE)
        keys.hset(f"{prefix}:{queue}:{first}", "opts", json.dumps({"repeat": repeat}))
        if "pattern" in repeat:
            keys.hdel(f"{prefix}:{queue}:repeat:s", "every")
    await node("take", "theirs", "t", 60_000)
    await desk.claim_one("ours")
    expected = {"active": 1} if is_over else {"active": 1, "delayed": 1}
    assert (await desk.counts("theirs"), await desk.counts("ours")) == (expected, expected)


async def test_a_slot_comes_on_time_and_node_counts_it(node: Node, desk: Desk) -> None:
    first = await node("schedule", "q", "s", {"every": HOUR, "limit": 2}, TEMPLATE)
    lease = await desk.claim_one()
    assert (lease.id, lease.name, lease.data) == (first, "tick", '{"n":[1,12345678901234568]}')
    scheduler = await node("scheduler", "q", "s")
    slot = int(first.rpartition(":")[2]) + HOUR
    assert (scheduler["iterationCount"], scheduler["next"]) == (2, slot)
    job = await node("job", "q", f"repeat:s:{slot}")
    assert (job["state"], job["timestamp"] + job["delay"], job["repeatJobKey"]) == ("delayed", slot, "s")
    await node("hand", "q", job["id"], "promote")
    await desk.claim_one()
    assert await desk.counts() == {"active": 2}  # that was the last


async def test_a_job_that_is_tried_again_adds_nothing_more(node: Node, desk: Desk) -> None:
    await node("schedule", "q", "s", {"every": HOUR}, TEMPLATE)
    await desk.settle(failed(await desk.claim_one()))
    await desk.finish()
    assert await desk.counts() == {"completed": 1, "delayed": 1}
    assert (await node("scheduler", "q", "s"))["iterationCount"] == 2


async def test_a_job_whose_claimer_died_before_the_next_was_added_adds_it(
    node: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    first = await node("schedule", "q", "s", {"every": HOUR}, TEMPLATE)
    await desk.claim_one()
    slot = int(first.rpartition(":")[2])
    keys.delete(f"{prefix}:q:repeat:s:{slot + HOUR}", f"{prefix}:q:delayed")  # as it was before
    keys.zadd(f"{prefix}:q:repeat", {"s": slot})
    keys.delete(f"{prefix}:q:{first}:lock")
    await desk.recover()
    await desk.claim_one()
    assert await desk.counts() == {"active": 1, "delayed": 1}


async def test_a_scheduler_that_node_took_away_adds_no_job(node: Node, desk: Desk) -> None:
    await node("schedule", "q", "s", {"every": HOUR}, TEMPLATE)
    await node("unschedule", "q", "s")
    await desk.finish()
    assert await desk.counts() == {"completed": 1}


async def test_what_drains_a_queue_leaves_the_next_job(node: Node, desk: Desk) -> None:
    await node("schedule", "q", "s", {"every": HOUR}, TEMPLATE)
    await desk.add(new(), new(delay_ms=HOUR))
    for _ in range(2):
        await desk.remove(queue="q", states=("waiting", "delayed"), limit=3)
        assert await desk.counts() == {"waiting": 1}
    await desk.finish()
    await desk.remove(queue="q", states=("waiting", "delayed", "completed"))
    assert await desk.counts() == {"delayed": 1}


async def test_a_pattern_that_we_cannot_read_ends_with_a_warning(
    node: Node, desk: Desk, keys: Any, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = await node("schedule", "q", "s", {"every": HOUR}, TEMPLATE)
    opts = {"repeat": {"pattern": "H H * * *", "count": 1}}
    keys.hset(f"{prefix}:q:{first}", "opts", json.dumps(opts))
    keys.hdel(f"{prefix}:q:repeat:s", "every")
    await desk.finish()
    assert await desk.counts() == {"completed": 1}
    assert "the job scheduler 's' of the queue 'q' adds no job after repeat:s:" in caplog.text


async def test_a_slot_that_was_missed_is_passed_over(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    first = await node("schedule", "q", "s", {"every": HOUR, "offset": 1_000}, TEMPLATE)
    await node("hand", "q", first, "promote")
    slot = int(first.rpartition(":")[2])
    old = slot - 10 * HOUR
    keys.rename(f"{prefix}:q:{first}", f"{prefix}:q:repeat:s:{old}")
    keys.delete(f"{prefix}:q:wait")
    keys.lpush(f"{prefix}:q:wait", f"repeat:s:{old}")
    keys.zadd(f"{prefix}:q:repeat", {"s": old})
    assert (await desk.claim_one()).id == f"repeat:s:{old}"
    assert (await node("scheduler", "q", "s"))["next"] == slot


async def test_workers_of_ours_and_of_nodes_share_a_rhythm(
    node: Node, desk: Desk, valkey_url: str, prefix: str
) -> None:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    await node("schedule", "q", "s", {"every": 20, "limit": 12}, {"name": "tick"})
    async with asyncio.timeout(DEADLINE_S), Worker(store, registry(tick), name="ours"):
        await node("work", "q", {})
        assert await ends(desk, 12) == [Change("completed", "active")] * 12
    await store.close()
    assert (await node("scheduler", "q", "s"))["iterationCount"] == 12
    assert await desk.counts() == {"completed": 12}
