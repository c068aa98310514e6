"""DropSchedule: forget a schedule."""

from headrace.core.commands import Dropped, DropSchedule, Fire, Schedules
from headrace.core.schedule_errors import NoSuchSchedule

from .desk import Desk, ref
from .plans import put


async def test_it_is_gone_and_its_jobs_stay(desk: Desk) -> None:
    known = await put(desk, "s")
    await put(desk, "other")
    await desk.run(Fire("s", known.version, slot=100, next_at=200))
    assert await desk.run(DropSchedule("s")) == Dropped()
    assert [one.name for one in (await desk.run(Schedules())).schedules] == ["other"]
    assert await desk.state(ref("1")) == "waiting"


async def test_one_that_is_not_there_is_refused(desk: Desk) -> None:
    assert await desk.refusal(DropSchedule("s")) == NoSuchSchedule(name="s")


async def test_a_new_one_of_the_name_begins_anew(desk: Desk) -> None:
    known = await put(desk, "s")
    await desk.run(Fire("s", known.version, slot=100, next_at=200))
    await desk.run(DropSchedule("s"))
    again = await put(desk, "s")
    assert (again.version, again.fired, again.job) == (1, 0, None)
