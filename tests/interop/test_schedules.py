"""Schedules of ours on Redis, fired by a worker; Node sees their jobs."""

import asyncio

from headrace.core.commands import Fire, PutSchedule, Schedules
from headrace.core.log import Change
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord
from headrace.storage.redis import RedisStore
from headrace.worker import Worker
from tests.conformance.desk import Desk, new
from tests.engine.workshop import registry
from tests.interop.node import Node
from tests.interop.test_worker import DEADLINE_S, ends, task


async def test_a_worker_fires_what_was_put(desk: Desk, valkey_url: str, prefix: str) -> None:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()
    async with asyncio.timeout(DEADLINE_S), Worker(store, registry(task), name="ours"):
        now = (await desk.run(Schedules())).now
        plan = Plan(EveryTiming(20), new(), count=5, catch_up="all")
        await desk.run(PutSchedule(ScheduleRecord("s", plan, 0, now, now + 20)))
        assert await ends(desk, 5) == [Change("completed", "active")] * 5
    await store.close()
    (schedule,) = (await desk.run(Schedules())).schedules
    assert (schedule.fired, schedule.next_at, schedule.slot_at) == (5, None, now + 100)


async def test_node_runs_the_job_of_a_slot(node: Node, desk: Desk) -> None:
    await desk.run(PutSchedule(ScheduleRecord("s/é", Plan(EveryTiming(20), new(data='{"x":1}')), 0, 0, 100)))
    await desk.run(Fire("s/é", 1, 100, 200))
    await node("work", "q", {})
    assert await node("ended", 1, 8_000) == [["q", "1", "completed"]]
    job = await node("job", "q", "1")
    assert (job["data"], job["opts"]["slot"]) == ({"x": 1}, ["s/é", 100])
