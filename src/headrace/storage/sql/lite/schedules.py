"""PutSchedule, DropSchedule, Fire, Schedules on SQLite."""

from typing import Any, Final

import msgspec

from headrace.core.commands import Add, Dropped, DropSchedule, Fire, Fired, Put, PutSchedule, ScheduleList, Schedules
from headrace.core.errors import Refused
from headrace.core.jobs import JobRef
from headrace.core.schedule_errors import NoSuchSchedule, ScheduleChanged
from headrace.core.schedules import Plan, ScheduleRecord, slot_job
from headrace.core.topics import SCHEDULES
from headrace.storage.sql.lite.add import add
from headrace.storage.sql.lite.keys import existing_key
from headrace.storage.sql.lite.ledger import Ledger, as_json
from headrace.storage.sql.script import load

PUT: Final = load("put_schedule")
DROP: Final = load("drop_schedule")
FIRE: Final = load("fire")
LIST: Final = load("schedules")
_plan: Final = msgspec.json.Decoder(Plan)


def put_schedule(ledger: Ledger, command: PutSchedule) -> Put | Refused:
    """Make or change a schedule; see `core.commands.schedules.PutSchedule`."""
    new = command.schedule
    row = ledger.row(PUT.version, {"name": new.name})
    if new.version != (row[0] if row else 0):
        return ScheduleChanged(name=new.name)
    step = {"name": new.name, "plan": as_json(new.plan), "since": new.since}
    ledger.run(PUT.save, step | {"next_at": new.next_at, "paused": new.paused, "version": new.version + 1})
    ledger.signal(SCHEDULES)
    return Put(new.version + 1)


def drop_schedule(ledger: Ledger, command: DropSchedule) -> Dropped | Refused:
    """Forget a schedule; see `core.commands.schedules.DropSchedule`."""
    row = ledger.row(DROP.drop, {"name": command.name})
    return NoSuchSchedule(name=command.name) if row is None else Dropped()


def fire(ledger: Ledger, command: Fire) -> Fired | Refused:
    """Add the job of a slot; see `core.commands.schedules.Fire`."""
    page = Schedules((command.name,))
    found = schedules(ledger, page).schedules
    if not found:
        return NoSuchSchedule(name=command.name)
    (schedule,) = found
    plan, slot, step = schedule.plan, command.slot, {"name": schedule.name, "next_at": command.next_at}
    if command.version is None:
        return _fire_by_hand(ledger, schedule, command)
    if command.version != schedule.version:
        return ScheduleChanged(name=schedule.name)
    is_overlapping = slot is not None and plan.overlap != "allow" and _is_unfinished(ledger, schedule)
    if is_overlapping and plan.overlap == "queue":
        return Fired(is_waiting=True)
    if slot is None or is_overlapping:
        ledger.run(FIRE.pass_over, step | {"skipped": is_overlapping})
        return Fired()
    reply = add(ledger, Add((slot_job(schedule.name, plan, slot, command.delay_ms),)))
    if isinstance(reply, Refused):
        return reply
    job = reply.jobs[0]
    if plan.count is not None and schedule.fired + 1 >= plan.count:
        step["next_at"] = None
    ledger.run(FIRE.fired, step | {"slot": slot, "queue": job.queue, "id": job.id})
    return Fired(job)


def schedules(ledger: Ledger, command: Schedules) -> ScheduleList:
    """A page of schedules; see `core.commands.schedules.Schedules`."""
    after_at, after_name = command.after
    names = None if command.names is None else as_json(command.names)
    step: dict[str, Any] = {"names": names, "after_name": after_name, "limit": command.limit}
    if command.order == "time":
        rows = ledger.rows(LIST.timed, step | {"after_at": after_at})
    else:
        rows = ledger.rows(LIST.named, step)
    return ScheduleList(tuple(map(_record, rows)), ledger.now)


def _fire_by_hand(ledger: Ledger, schedule: ScheduleRecord, command: Fire) -> Fired | Refused:
    slot = ledger.now if command.slot is None else command.slot
    job = slot_job(schedule.name, schedule.plan, slot, command.delay_ms)
    reply = add(ledger, Add((job,), command.request_id))
    if isinstance(reply, Refused):
        return reply
    if not reply.jobs:
        return Fired()  # the request was answered before, and that had none
    ref = reply.jobs[0]
    ledger.run(FIRE.by_hand, {"name": schedule.name, "queue": ref.queue, "id": ref.id})
    return Fired(ref)


def _is_unfinished(ledger: Ledger, schedule: ScheduleRecord) -> bool:
    key = existing_key(ledger, schedule.job) if schedule.job is not None else None
    return key is not None and ledger.row(FIRE.finished, {"key": key}) is None


def _record(row: tuple[Any, ...]) -> ScheduleRecord:
    name, plan, version, since, next_at, paused, fired, skipped, slot_at, queue, job_id = row
    job = JobRef(queue, job_id) if queue is not None else None
    return ScheduleRecord(name, _plan.decode(plan), version, since, next_at, paused, fired, skipped, slot_at, job)
