"""The scheduler: each slot once, soon after its time, whoever dies and however clocks are set."""

import asyncio
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from headrace.core.commands import Acquire, Command, Find, Fire, PutSchedule, Remove, Schedules
from headrace.core.jobs import JobRecord, NewJob
from headrace.core.schedules import CronTiming, EveryTiming, Plan, ScheduleRecord, aim
from headrace.engine.scheduler import Scheduler
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted
from headrace.worker import Worker
from tests.conformance.clock import FrozenClock
from tests.engine.simulation import clock, simulated
from tests.engine.workshop import Watched, memory, registry, run_until_idle

SECOND = 1_000


async def put(store: Storage, name: str = "s", every_ms: int = 10 * SECOND, **fields: Any) -> int:
    """A schedule that was put now, and its first slot."""
    now = fields.pop("now", None) or clock()
    job = fields.pop("job", NewJob("q", "noop"))
    plan = Plan(fields.pop("timing", EveryTiming(every_ms)), job, **fields)
    granted(await store.run(PutSchedule(ScheduleRecord(name, plan, 0, now, now + every_ms))))
    return int(now + every_ms)


async def jobs(store: Storage, state: Any = "waiting") -> list[JobRecord]:
    return list(granted(await store.run(Find("q", state, 1_000))).jobs)


async def slots(store: Storage, *states: Any) -> list[int]:
    found = [job for state in states or ("waiting",) for job in await jobs(store, state)]
    return [job.options.slot.at for job in found if job.options.slot]


async def noop() -> None:
    pass


@simulated
async def test_slots_fire_at_their_time() -> None:
    store = await memory()
    mine = Scheduler(store, "me")
    mine.start()
    await asyncio.sleep(1)
    first = await put(store)  # it hears of it although it was asleep
    await asyncio.sleep(9.99)
    assert await slots(store) == []
    await asyncio.sleep(0.02)
    assert await slots(store) == [first]
    await asyncio.sleep(40)
    assert await slots(store) == [first + n * 10 * SECOND for n in range(5)]
    assert [job.added_at - job.options.slot.at for job in await jobs(store) if job.options.slot] == [0] * 5
    await mine.stop()


@simulated
async def test_of_several_one_fires_and_another_follows_when_it_is_gone() -> None:
    store = await memory()
    stores = [Watched(store) for _ in range(3)]
    schedulers = [Scheduler(watched, f"s{n}") for n, watched in enumerate(stores)]
    first = await put(store)
    for scheduler in schedulers:
        scheduler.start()
    await asyncio.sleep(35)
    for watched in stores:
        if any(isinstance(command, Fire) for call in watched.calls for command in call):
            watched.is_away = True  # without a word
    await asyncio.sleep(30)
    assert await slots(store) == [first + n * 10 * SECOND for n in range(6)]
    for scheduler in schedulers:
        await scheduler.stop()


@simulated
async def test_schedulers_that_all_think_they_are_elected_fire_each_slot_once() -> None:
    store = await memory()

    class Everyone(Watched):
        async def run(self, *commands: Command[Any]) -> Any:
            renamed = [
                Acquire(f"{self!r}{one.name}", one.owner, one.ttl_ms) if isinstance(one, Acquire) else one
                for one in commands
            ]
            return await super().run(*renamed)

    schedulers = [Scheduler(Everyone(store), "all") for _ in range(5)]
    first = await put(store)
    for scheduler in schedulers:
        scheduler.start()
    await asyncio.sleep(55)
    assert await slots(store) == [first + n * 10 * SECOND for n in range(5)]
    for scheduler in schedulers:
        await scheduler.stop()


@pytest.mark.parametrize("when", ["before", "after"])
@simulated
async def test_a_scheduler_that_is_killed_while_it_fires_loses_and_doubles_nothing(when: str) -> None:
    store = await memory()
    dying = Watched(store)
    first = await put(store)

    async def kill(commands: tuple[Command[Any], ...]) -> None:
        if any(isinstance(command, Fire) for command in commands):
            await asyncio.Event().wait()

    setattr(dying, when, kill)
    killed, heir = Scheduler(dying, "killed"), Scheduler(store, "heir")
    killed.start()
    await asyncio.sleep(11)
    heir.start()
    await asyncio.sleep(15)
    assert await slots(store) == [first, first + 10 * SECOND]
    await killed.stop()
    await heir.stop()


async def test_a_clock_that_is_set_fires_no_slot_twice() -> None:
    frozen = FrozenClock()
    store = open_store("memory://", clock=frozen)
    await store.open()
    first = await put(store, now=frozen.now, catch_up="all")
    mine = Scheduler(store, "me")
    for step in (10, 60, -50, 20, 30, -3_600, 3_700, 0):
        frozen.advance(step * SECOND)
        await mine.fire_due()
    fired = await slots(store)
    assert fired == sorted(set(fired)) == [first + n * 10 * SECOND for n in range(17)]
    await mine.stop()
    await store.close()


@simulated
async def test_after_an_outage_it_catches_up_as_the_plan_says() -> None:
    store = await memory()
    for catch_up in ("latest", "all", "none"):
        await put(store, catch_up, 100 * SECOND, catch_up=catch_up, job=NewJob("q", catch_up))
    begin = clock()
    await asyncio.sleep(370)
    await Scheduler(store, "me").fire_due()
    found = [(job.name, job.options.slot.at - begin) for job in await jobs(store) if job.options.slot]
    assert sorted(found) == [("all", n * 100 * SECOND) for n in (1, 2, 3)] + [("latest", 300 * SECOND)]
    await asyncio.sleep(30)
    await Scheduler(store, "me").fire_due()
    assert len(await jobs(store)) == 4 + 3


@simulated
async def test_a_slot_in_line_fires_soon_after_the_job_before_has_finished() -> None:
    store = await memory()
    began: list[float] = []

    async def slow() -> None:
        began.append(clock())
        await asyncio.sleep(25)

    first = await put(store, overlap="queue", catch_up="all", count=3, job=NewJob("q", "slow"))
    async with Worker(store, registry(slow)):
        await asyncio.sleep(100)
    assert sorted(await slots(store, "completed")) == [first + n * 10 * SECOND for n in range(3)]
    gaps = [later - sooner for sooner, later in pairwise(began)]
    assert all(25 * SECOND <= gap <= 27 * SECOND for gap in gaps)


@simulated
async def test_a_job_that_was_removed_does_not_stop_its_schedule() -> None:
    store = await memory()
    first = await put(store, overlap="queue")
    mine = Scheduler(store, "me")
    mine.start()
    await asyncio.sleep(10.1)
    await store.run(Remove(queue="q", states=("waiting",)))
    await asyncio.sleep(10)
    assert await slots(store) == [first + 10 * SECOND]
    await mine.stop()


@simulated
async def test_one_that_cannot_fire_is_reported_once_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = await memory()
    caplog.set_level(logging.WARNING, "headrace")
    await put(store, "a", SECOND, timing=CronTiming("* * * * *", "Mars/Olympus"))
    first = await put(store, "b")
    mine = Scheduler(store, "me")
    mine.start()
    await asyncio.sleep(31)
    assert await slots(store) == [first + n * 10 * SECOND for n in range(3)]
    assert [record.message for record in caplog.records] == [
        "the schedule 'a' cannot fire: there is no time zone 'Mars/Olympus'; names are like Europe/Berlin, or UTC"
    ]
    await mine.stop()


@simulated
async def test_jitter_delays_jobs_and_moves_no_slot() -> None:
    store = await memory()
    first = await put(store, jitter_ms=8 * SECOND)
    mine = Scheduler(store, "me", chance=lambda: 0.5)
    mine.start()
    await asyncio.sleep(21)
    due = [job.due_at for job in await jobs(store, "delayed")]
    assert due == [first + 4 * SECOND, first + 14 * SECOND]
    await mine.stop()


@simulated
async def test_more_than_a_page_fires_in_one_beat() -> None:
    store = Watched(await memory())
    for number in range(1_100):
        await put(store, f"s{number}")
    await asyncio.sleep(10)
    await Scheduler(store, "me").fire_due()
    assert sum(isinstance(command, Acquire) for call in store.calls for command in call) == 3  # one a page
    assert len(await slots(store)) == 1_000  # a page of Find
    assert len({job.options.slot.schedule for job in await jobs(store) if job.options.slot}) == 1_000


@simulated
async def test_without_anything_due_it_writes_nothing() -> None:
    store = Watched(await memory())
    await put(store.inner, every_ms=3_600 * SECOND)
    mine = Scheduler(store, "me")
    mine.start()
    await asyncio.sleep(60)
    assert {type(command).__name__ for call in store.calls for command in call} == {"Schedules"}
    assert len(store.calls) <= 14
    await mine.stop()


async def test_stores_of_two_processes_fire_each_slot_once(tmp_path: Path) -> None:
    frozen = FrozenClock()
    stores = [open_store(f"sqlite:///{tmp_path}/headrace.db", clock=frozen) for _ in range(2)]
    for store in stores:
        await store.open()
    first = await put(stores[0], now=frozen.now, catch_up="all")
    for _ in range(10):
        frozen.advance(30 * SECOND)
        await asyncio.gather(*(fire_alone(store) for store in stores for _ in range(3)))
    assert await slots(stores[0]) == [first + n * 10 * SECOND for n in range(30)]
    for store in stores:
        await store.close()


async def fire_alone(store: Storage) -> None:
    """Fire what is due as if there were nobody else."""
    while True:
        found = granted(await store.run(Schedules(order="time"))).schedules
        now = granted(await store.run(Schedules(()))).now
        aimed = [(one, what) for one in found if (what := aim(one, now))]
        if not aimed:
            return
        for one, what in aimed:
            await store.run(Fire(one.name, one.version, what.slot, what.next_at))


async def test_to_work_until_idle_fires_what_has_come_first() -> None:
    frozen = FrozenClock()
    store = open_store("memory://", clock=frozen)
    await store.open()
    await put(store, now=frozen.now)
    assert (await run_until_idle(store, registry(noop))).processed == 0
    frozen.advance(10 * SECOND)
    assert (await run_until_idle(store, registry(noop))).processed == 1
    assert (await run_until_idle(store, registry(noop))).processed == 0
    await store.close()
