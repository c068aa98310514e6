"""Schedules for tests of the commands about them."""

from typing import Any

from headrace.core.commands import PutSchedule, Schedules
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord

from .desk import Desk, new


def plan(**fields: Any) -> Plan:
    job = fields.pop("job", new("work"))
    return Plan(EveryTiming(100), job, **fields)


def schedule(name: str, made: Plan | None = None, **fields: Any) -> ScheduleRecord:
    usual: dict[str, Any] = {"version": 0, "since": 0, "next_at": 100} | fields
    return ScheduleRecord(name, made or plan(), **usual)


async def put(desk: Desk, name: str, made: Plan | None = None, **fields: Any) -> ScheduleRecord:
    await desk.run(PutSchedule(schedule(name, made, **fields)))
    return await read(desk, name)


async def read(desk: Desk, name: str = "s") -> ScheduleRecord:
    (found,) = (await desk.run(Schedules((name,)))).schedules
    assert isinstance(found, ScheduleRecord)
    return found
