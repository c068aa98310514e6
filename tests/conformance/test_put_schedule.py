"""PutSchedule: make a schedule, or change the version that was read."""

from msgspec.structs import replace

from headrace.core.commands import Fire, Put, PutSchedule
from headrace.core.jobs import JobRef
from headrace.core.schedule_errors import ScheduleChanged

from .desk import Desk
from .plans import plan, put, read, schedule


async def test_what_was_put_is_there(desk: Desk) -> None:
    new = schedule("s", plan(count=3, overlap="skip", jitter_ms=5), next_at=50, paused="gone")
    assert await desk.run(PutSchedule(new)) == Put(1)
    assert await read(desk) == replace(new, version=1)


async def test_another_version_than_the_present_one_is_refused(desk: Desk) -> None:
    known = await put(desk, "s")
    for version in (0, 2):
        assert await desk.refusal(PutSchedule(replace(known, version=version))) == ScheduleChanged(name="s")
    assert await desk.refusal(PutSchedule(schedule("new", version=1))) == ScheduleChanged(name="new")
    assert await read(desk) == known


async def test_what_the_store_has_counted_stays(desk: Desk) -> None:
    known = await put(desk, "s")
    await desk.run(Fire("s", known.version, slot=100, next_at=200))
    fired = await read(desk)
    await desk.run(PutSchedule(replace(fired, since=7, next_at=300, paused="by hand", fired=99, slot_at=1, job=None)))
    after = await read(desk)
    assert (after.since, after.next_at, after.paused) == (7, 300, "by hand")
    assert (after.fired, after.slot_at, after.job, after.version) == (1, 100, JobRef("q", "1"), 3)


async def test_a_plan_that_was_read_before_a_slot_fired_cannot_bring_the_slot_back(desk: Desk) -> None:
    known = await put(desk, "s", next_at=100)
    await desk.run(Fire("s", known.version, slot=100, next_at=200))
    await desk.refusal(PutSchedule(known))
    assert (await read(desk)).next_at == 200


async def test_it_wakes_who_waits_for_schedules(desk: Desk) -> None:
    await desk.store.wait({"schedules"}, 0)
    await put(desk, "s")
    assert await desk.store.wait({"schedules"}, 1_000) == {"schedules"}
