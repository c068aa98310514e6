"""PutSchedule, DropSchedule, Fire, Schedules."""

from msgspec.structs import replace

from headrace.core import topics
from headrace.core.commands import Add, Dropped, DropSchedule, Fire, Fired, Put, PutSchedule, ScheduleList, Schedules
from headrace.core.errors import Refused
from headrace.core.jobs import FINISHED
from headrace.core.schedule_errors import NoSuchSchedule, ScheduleChanged
from headrace.core.schedules import ScheduleRecord, slot_job
from headrace.storage.memory.add import add
from headrace.storage.memory.world import World


def put_schedule(world: World, command: PutSchedule, _now: int) -> Put | Refused:
    new = command.schedule
    known = world.schedules.get(new.name)
    if new.version != (known.version if known else 0):
        return ScheduleChanged(name=new.name)
    old = known or ScheduleRecord(new.name, new.plan, 0, new.since, None)
    world.schedules[new.name] = replace(
        old, plan=new.plan, since=new.since, next_at=new.next_at, paused=new.paused, version=old.version + 1
    )
    world.wake(topics.SCHEDULES)
    return Put(old.version + 1)


def drop_schedule(world: World, command: DropSchedule, _now: int) -> Dropped | Refused:
    if world.schedules.pop(command.name, None) is None:
        return NoSuchSchedule(name=command.name)
    return Dropped()


def fire(world: World, command: Fire, now: int) -> Fired | Refused:
    schedule = world.schedules.get(command.name)
    if schedule is None:
        return NoSuchSchedule(name=command.name)
    if command.version is None:
        return _fire_by_hand(world, schedule, command, now)
    if command.version != schedule.version:
        return ScheduleChanged(name=command.name)
    is_overlapping = command.slot is not None and schedule.plan.overlap != "allow" and _is_unfinished(world, schedule)
    if is_overlapping and schedule.plan.overlap == "queue":
        return Fired(is_waiting=True)
    if command.slot is None or is_overlapping:
        skipped = schedule.skipped + is_overlapping
        _save(world, schedule, skipped=skipped, next_at=command.next_at)
        return Fired()
    reply = add(world, Add((slot_job(schedule.name, schedule.plan, command.slot, command.delay_ms),)), now)
    if isinstance(reply, Refused):
        return reply
    fired = schedule.fired + 1
    next_at = None if schedule.plan.count is not None and fired >= schedule.plan.count else command.next_at
    _save(world, schedule, fired=fired, slot_at=command.slot, next_at=next_at, job=reply.jobs[0])
    return Fired(reply.jobs[0])


def schedules(world: World, command: Schedules, now: int) -> ScheduleList:
    wanted = world.schedules if command.names is None else set(command.names)
    found = [world.schedules[name] for name in wanted if name in world.schedules]
    if command.order == "time":
        keys = {(one.next_at, one.name): one for one in found if one.next_at is not None and one.paused is None}
        page = [keys[key] for key in sorted(keys) if key > command.after]
    else:
        page = sorted((one for one in found if one.name > command.after[1]), key=lambda one: one.name)
    return ScheduleList(tuple(page[: command.limit]), now)


def _fire_by_hand(world: World, schedule: ScheduleRecord, command: Fire, now: int) -> Fired | Refused:
    slot = now if command.slot is None else command.slot
    job = slot_job(schedule.name, schedule.plan, slot, command.delay_ms)
    reply = add(world, Add((job,), command.request_id), now)
    if isinstance(reply, Refused):
        return reply
    if not reply.jobs:
        return Fired()  # the request was answered before, and that had none
    _save(world, schedule, job=reply.jobs[0])
    return Fired(reply.jobs[0])


def _is_unfinished(world: World, schedule: ScheduleRecord) -> bool:
    """Whether the last job is still to be done; one that was removed is not."""
    job = world.job(schedule.job) if schedule.job else None
    return job is not None and job.state not in FINISHED


def _save(world: World, schedule: ScheduleRecord, **changed: object) -> None:
    world.schedules[schedule.name] = replace(schedule, version=schedule.version + 1, **changed)
