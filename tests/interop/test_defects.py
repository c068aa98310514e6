"""What goes wrong in BullMQ 6.7 and not here, with Node reading what has come of it; a test for each.

One is of the layout, and shared: from September 2039 on scores of delayed jobs are too large to be exact. One is of a
call that only Node has: `removeOrphanedJobs` takes metrics for jobs; what it does to ours is in `test_admin_across`.
"""

import asyncio
from typing import Any, Final

import pytest

from headrace import App
from headrace.core.commands import Configure, Fire
from headrace.core.jobs import Dedup
from headrace.core.names import RESERVED_IDS
from headrace.errors import InvalidId
from headrace.storage.redis import RedisStore
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, child, done, failed, new, parent, put_back, ref
from tests.conformance.plans import plan, put
from tests.interop.node import Node

HOUR: Final = 3_600_000


async def state(look: Node, job_id: str) -> str:
    found: str = await look("queue", "q", "getJobState", job_id)
    return found


async def test_jobs_added_while_a_queue_of_bullmq_5_was_paused_survive_its_resume(
    look: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    """It moved what waited to the list `paused`; its own resume would write that over `wait`."""
    await desk.add(new(), new())
    keys.rename(f"{prefix}:q:wait", f"{prefix}:q:paused")
    keys.hset(f"{prefix}:q:meta", "paused", 1)
    await desk.add(new())
    await desk.run(Configure("q", is_paused=False))
    assert not keys.exists(f"{prefix}:q:paused")
    assert [await state(look, job_id) for job_id in "123"] == ["waiting"] * 3
    assert [lease.id for lease in await desk.claim()] == ["1", "2", "3"]


async def test_a_schedule_that_is_put_again_while_its_queue_is_paused_leaves_one_job(look: Node, desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    await put(desk, "s")
    await desk.run(Fire("s", 1, slot=100, next_at=200))
    for version in (2, 3):
        await put(desk, "s", version=version)
    assert await look("queue", "q", "getJobCounts", "waiting", "delayed") == {"waiting": 1, "delayed": 0}


async def test_a_drain_takes_what_waits_and_leaves_the_chain_of_a_job_scheduler(look: Node, desk: Desk) -> None:
    await desk.add(new())
    await look("queue", "q", "upsertJobScheduler", "s", {"every": HOUR}, {"name": "tick"})
    await desk.add(new())
    await desk.remove(queue="q", states=("waiting", "prioritized", "delayed"))
    (job,) = await look("queue", "q", "getWaiting")
    assert (job["name"], job["repeatJobKey"]) == ("tick", "s")
    assert (await look("queue", "q", "getJobScheduler", "s"))["key"] == "s"
    await desk.finish()
    assert await look("queue", "q", "getJobCounts", "waiting", "delayed") == {"waiting": 0, "delayed": 1}


@pytest.mark.parametrize("job_id", [*sorted(RESERVED_IDS), "0:1", "1:logs"])
async def test_an_id_that_is_the_name_of_a_key_is_refused(valkey_url: str, prefix: str, keys: Any, job_id: str) -> None:
    async with App(valkey_url, prefix=prefix) as app:
        with pytest.raises(InvalidId):
            await app.queue("q").add("x", job_id=job_id)
    assert not keys.keys(f"{prefix}:q:*")


async def test_priority_is_kept_by_retry_all_promote_all_recovery_and_a_rate_limit(
    look: Node, desk: Desk, valkey_url: str, prefix: str
) -> None:
    names = ("retried", "promoted", "lost", "put back")
    await desk.add(*(new(id=name, priority=place) for place, name in enumerate(names, 5) if name != "promoted"))
    leases = {lease.id: lease for lease in await desk.claim(lease_ms=1)}
    await desk.add(new(id="promoted", priority=6, delay_ms=HOUR))
    assert leases.keys() == {"retried", "lost", "put back"}
    await desk.settle(failed(leases["retried"]), put_back(leases["put back"]))
    async with App(valkey_url, prefix=prefix) as app:
        await app.queue("q").retry_all()
        await app.queue("q").promote_all()
    await asyncio.sleep(0.01)
    await desk.recover()
    assert [await state(look, name) for name in names] == ["prioritized"] * 4
    assert [job["id"] for job in await look("queue", "q", "getPrioritized")] == list(names)


@pytest.mark.parametrize("act", ["put back", "prioritised"])
async def test_a_job_with_a_priority_that_comes_back_wakes_nodes_workers(
    look: Node, desk: Desk, keys: Any, prefix: str, act: str
) -> None:
    await desk.add(new(priority=3))
    lease = await desk.claim_one()
    keys.delete(f"{prefix}:q:marker")
    if act == "put back":
        await desk.settle(put_back(lease))
    else:
        await desk.settle(put_back(lease))
        keys.delete(f"{prefix}:q:marker")
        await desk.move("prioritise", ref("1"), priority=1)
    assert keys.zrange(f"{prefix}:q:marker", 0, -1) == ["0"]
    assert await state(look, "1") == "prioritized"


async def test_an_obliterated_queue_leaves_nothing_behind(
    look: Node, desk: Desk, keys: Any, prefix: str, valkey_url: str
) -> None:
    await desk.run(Configure("q", concurrency=9))
    await desk.add(parent("p"), child("p", queue="r", id="c"))
    await desk.add(new(priority=2), new(delay_ms=HOUR), new(dedup=Dedup("k", ttl_ms=HOUR)), new())
    await look("queue", "q", "upsertJobScheduler", "s", {"every": HOUR}, {"name": "tick"})
    await desk.settle(put_back(await desk.claim_one(), HOUR))
    async with App(valkey_url, prefix=prefix) as app:
        await app.queue("q").obliterate()
    assert [key for key in keys.scan_iter(f"{prefix}:q:*") if key != f"{prefix}:q:id"] == []
    assert keys.keys(f"{prefix}~:q:*") == [f"{prefix}~:q:log"] * keys.exists(f"{prefix}~:q:log")
    assert await look("queue", "q", "getJobSchedulers") == []
    await desk.add(new(dedup=Dedup("k", ttl_ms=HOUR)))
    assert await look("queue", "q", "getJobCounts", "waiting") == {"waiting": 1}


async def test_a_duplicate_that_cannot_replace_who_runs_is_told(look: Node, desk: Desk) -> None:
    await look("listen", "q")
    await desk.add(new(id="a", dedup=Dedup("k", ttl_ms=HOUR, replaces=True)))
    await desk.claim_one()
    await desk.add(new(id="b", dedup=Dedup("k", ttl_ms=HOUR, replaces=True)))
    ((_, _, fields),) = await look("told", "deduplicated", 1, 8_000)
    assert fields == {"jobId": "a", "deduplicationId": "k", "deduplicatedJobId": "b"}


async def test_delayed_parents_that_are_released_together_run_first_in_first_out(
    look: Node, valkey_url: str, prefix: str, keys: Any, clock: FrozenClock
) -> None:
    store = RedisStore(valkey_url, prefix=prefix, clock=clock)
    await store.open()
    try:
        desk = Desk(store)
        for name in ("z", "a"):  # by their ids, a would be first
            await desk.add(parent(name, delay_ms=HOUR), child(name, queue="r", name=name))
        await desk.settle(*(done(lease) for lease in await desk.claim("r")))
        first, second = await look("queue", "q", "getDelayed")
        assert (first["id"], second["id"]) == ("z", "a")
    finally:
        await store.close()


async def test_the_id_of_a_job_whose_hash_is_gone_makes_no_job(look: Node, desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new(), new())
    keys.delete(f"{prefix}:q:1")
    assert [lease.id for lease in await desk.claim()] == ["2"]
    assert await look("queue", "q", "getJob", "1") is None
    assert await look("queue", "q", "getActiveCount") == 1


@pytest.mark.parametrize("word", ["done", "failed", "later"])
async def test_who_settles_a_job_that_is_not_active_changes_nothing(
    look: Node, desk: Desk, keys: Any, prefix: str, word: str
) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    keys.delete(f"{prefix}:q:active")
    before = keys.hgetall(f"{prefix}:q:1"), keys.get(f"{prefix}:q:1:lock")
    settlement = {"done": done(lease), "failed": failed(lease), "later": put_back(lease)}[word]
    (refusal,) = await desk.settle(settlement)
    assert refusal is not None
    assert (keys.hgetall(f"{prefix}:q:1"), keys.get(f"{prefix}:q:1:lock")) == before
    assert await state(look, "1") == "unknown"


async def test_a_schedule_goes_on_when_the_job_of_its_slot_has_disappeared(
    look: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    await put(desk, "s", plan())
    await desk.run(Fire("s", 1, slot=100, next_at=200))
    keys.delete(f"{prefix}:q:1", f"{prefix}:q:wait")
    await desk.run(Fire("s", 2, slot=200, next_at=300))
    (job,) = await look("queue", "q", "getWaiting")
    assert job["id"] == "2"


async def test_a_job_whose_worker_died_is_given_to_another_when_its_lease_ends(look: Node, desk: Desk) -> None:
    """BullMQ waits for one scan to suspect a job, and for a second to give it back."""
    await desk.add(new())
    await desk.claim_one(lease_ms=20)
    await asyncio.sleep(0.03)
    assert await desk.recover() == (ref("1"),)
    assert await state(look, "1") == "waiting"
