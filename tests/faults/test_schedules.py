"""Schedules while workers are killed and the clock is set: each slot of a period comes to one end, and to one only.

Every worker is a candidate for the scheduler. What each slot did is read from the jobs, which carry theirs.
"""

import asyncio
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headrace.core.commands import PutSchedule, Schedules
from headrace.core.jobs import JobRecord, JobRef, NewJob, Options
from headrace.core.schedules import LATE_MAX_MS, CronTiming, EveryTiming, Plan, ScheduleRecord, first_slot
from headrace.storage.protocol import granted
from tests.faults.ground import Ground
from tests.faults.site import Mill, Site, site
from tests.faults.tower import VARIABLE, TowerClock

SECOND = 1_000
LEAP = 130 * SECOND
"""Longer than a slot may be late, and than a period of `none`."""
LOCK = 6 * SECOND
"""Longer than the lock of the scheduler holds."""
SLOW = 8 * SECOND
"""What may pass between a look at a schedule and its firing, on a machine that has much to do."""

JOB = NewJob("q", "nap", '{"ms":5}', options=Options(max_stalled=1_000))
PLANS = {
    "every": Plan(EveryTiming(500), JOB, catch_up="all"),
    "cron": Plan(CronTiming("*/2 * * * * *", "Europe/Berlin"), JOB, catch_up="all"),
    "skip": Plan(EveryTiming(700), JOB, catch_up="all", overlap="skip"),
    "latest": Plan(EveryTiming(300), JOB),
    "none": Plan(EveryTiming(100 * SECOND), JOB, catch_up="none"),
}
PERIODS = {"every": 500, "cron": 2 * SECOND, "skip": 700, "latest": 300, "none": 100 * SECOND}


@dataclass
class Tower:
    """The clock, and what it has shown before it was set, each time."""

    clock: TowerClock
    shown: list[int] = field(default_factory=list)

    def set(self, by_ms: int) -> None:
        self.shown.append(self.clock())
        self.clock.set(by_ms)

    @property
    def peak(self) -> int:
        return max([*self.shown, self.clock()])


@contextmanager
def tower(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tower]:
    file = folder / "clock"
    clock = TowerClock(file)
    with monkeypatch.context() as told:
        told.setenv(VARIABLE, str(file))
        yield Tower(clock)


async def storm(here: Site, clock: Tower, seed: int, kills: int) -> dict[str, int]:
    """Put the schedules, then set the clock and kill workers by turns; the first slot of each schedule.

    Those that are not killed are frozen until another has taken over, so that whoever fired goes on with what it knew.
    """
    dice = random.Random(seed)
    now = clock.clock()
    firsts = {name: first_slot(plan, now) for name, plan in PLANS.items()}
    for name, plan in PLANS.items():
        granted(await here.store.run(PutSchedule(ScheduleRecord(name, plan, 0, now, firsts[name]))))
    mills: list[Mill] = [await here.mill() for _ in range(3)]
    ways = [LEAP, -40 * SECOND, 9 * SECOND, -3 * SECOND]
    for number in range(kills):
        clock.set(ways[number % len(ways)] if number < len(ways) else dice.choice(ways))
        await asyncio.sleep(dice.uniform(0.02, 0.3))
        victim = mills.pop(dice.randrange(len(mills)))
        victim.kill()
        here.mills.remove(victim)
        for mill in mills:
            mill.send(signal.SIGSTOP)
        clock.set(LOCK)
        heir = asyncio.create_task(here.mill())  # one that is frozen may have the file locked: do not wait here
        await asyncio.sleep(dice.uniform(0.4, 0.8))
        for mill in mills:
            mill.send(signal.SIGCONT)
        mills.append(await heir)
    return firsts


async def until_caught_up(here: Site, clock: Tower) -> None:
    """Set the clock to what it has never shown, and wait until nothing is due; then stop everything."""
    clock.set(clock.peak - clock.clock() + 10 * SECOND)
    latest, since = -1, time.monotonic()
    while True:
        found = granted(await here.store.run(Schedules(order="time")))
        if (found.schedules[0].next_at or 0) > found.now:
            break
        if (changes := sum(one.version for one in found.schedules)) > latest:
            latest, since = changes, time.monotonic()
        assert time.monotonic() < since + 30, f"slots are stuck: {found}"
        await asyncio.sleep(0.02)
    for mill in here.mills:
        mill.kill()
    here.mills.clear()


async def fired(here: Site) -> dict[str, list[JobRecord]]:
    """Every job that was ever added, by schedule, in the order of the adds."""
    (last,) = await here.add("nap", '{"ms":0}')
    made: dict[str, list[JobRecord]] = defaultdict(list)
    for job in await here.get_all([JobRef("q", str(number)) for number in range(1, int(last.id))]):
        assert job.options.slot is not None
        made[job.options.slot.schedule].append(job)
    return made


def slot(job: JobRecord) -> int:
    assert job.options.slot is not None
    return job.options.slot.at


def is_late(job: JobRecord, most_ms: int, clock: Tower) -> bool:
    """Whether the slot was older when it fired; if the clock was set in that moment, what it showed before counts."""
    return not any(0 <= shown - slot(job) <= most_ms for shown in (job.added_at, *clock.shown))


async def check(here: Site, clock: Tower, seed: int, firsts: dict[str, int]) -> None:
    made = await fired(here)
    known = {one.name: one for one in granted(await here.store.run(Schedules())).schedules}
    for name, jobs in made.items():
        one, slots = known[name], [slot(job) for job in jobs]
        came = range(firsts[name], one.next_at or 0, PERIODS[name])
        print(f"seed {seed}: {name}: {len(came)} slots came, {len(slots)} fired, {one.skipped} skipped")
        assert slots == sorted(set(slots)), f"seed {seed}: {name} fired a slot twice, or an earlier one later"
        assert set(slots) <= set(came), f"seed {seed}: {name} fired what is no slot of its"
        assert one.fired == len(slots), f"seed {seed}: {name}"
        if PLANS[name].catch_up == "all":
            assert len(slots) + one.skipped == len(came), f"seed {seed}: {name} lost a slot"
            assert len(came) > LEAP // PERIODS[name]
    assert known["every"].skipped == known["cron"].skipped == 0
    assert [job for job in made["latest"] if is_late(job, PERIODS["latest"] + SLOW, clock)] == [], f"seed {seed}"
    assert [job for job in made["none"] if is_late(job, LATE_MAX_MS + SLOW, clock)] == [], f"seed {seed}"
    await here.ground.assert_whole(here.store)


async def live(ground: Ground, monkeypatch: pytest.MonkeyPatch, seed: int, kills: int) -> None:
    with tower(ground.folder, monkeypatch) as clock:
        async with site(ground) as here:
            firsts = await storm(here, clock, seed, kills)
            await until_caught_up(here, clock)
            await check(here, clock, seed, firsts)


@pytest.mark.parametrize("seed", [20261122])
async def test_each_slot_has_one_end_while_workers_die_and_the_clock_is_set(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    await live(ground, monkeypatch, seed, kills=4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
async def test_each_slot_has_one_end_in_a_long_storm(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    await live(ground, monkeypatch, seed, kills=100)
