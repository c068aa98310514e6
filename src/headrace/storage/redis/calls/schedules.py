"""PutSchedule, DropSchedule, Fire, Schedules.

The job of a slot is made here of the plan that was seen; the script adds it if the schedule has still that version.
"""

from typing import Any, Final, NamedTuple

import msgspec

from headrace.core.commands import (
    Add,
    Dropped,
    DropSchedule,
    Fire,
    Fired,
    Put,
    PutSchedule,
    ScheduleList,
    Schedules,
)
from headrace.core.errors import Refused
from headrace.core.jobs import JobRef
from headrace.core.schedule_errors import NoSuchSchedule, ScheduleChanged
from headrace.core.schedules import Pause, Plan, ScheduleRecord, slot_job
from headrace.storage.redis.arguments import add
from headrace.storage.redis.call import Call, Considered, Look, pack
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.packing import Word
from headrace.storage.redis.replies import added

_json: Final = msgspec.json.Encoder().encode
_plan: Final = msgspec.json.Decoder(Plan)


class Sight(NamedTuple):
    """A schedule as it was a moment ago, if it was there."""

    now: int
    schedule: ScheduleRecord | None


def put_schedule(command: PutSchedule, _: Keys) -> tuple[Word, ...]:
    new = command.schedule
    next_at = "" if new.next_at is None else new.next_at
    return new.name, new.version, _json(new.plan), new.since, next_at, new.paused or ""


def put(command: PutSchedule, reply: Any, _: Keys) -> Put | Refused:
    return Put(reply) if reply else ScheduleChanged(name=command.schedule.name)


def drop_schedule(command: DropSchedule, _: Keys) -> tuple[Word, ...]:
    return (command.name,)


def dropped(command: DropSchedule, reply: Any, _: Keys) -> Dropped | Refused:
    return Dropped() if reply else NoSuchSchedule(name=command.name)


def schedules(command: Schedules, _: Keys) -> tuple[Word, ...]:
    names = "" if command.names is None else pack(list(dict.fromkeys(command.names)))
    return command.order, command.limit, *command.after, names


def listed(command: Schedules, reply: Any, _: Keys) -> ScheduleList:
    rows, now = reply
    found = [_record(*row) for row in rows]
    return ScheduleList(tuple(found if command.names is None else _page(command, found)), now)


def looks_at(command: Fire) -> tuple[str, ...]:
    return (command.name,)


def look(names: tuple[str, ...], keys: Keys) -> tuple[str, tuple[Word, ...]]:
    return "schedules", schedules(Schedules(names), keys)


def see(names: tuple[str, ...], reply: Any, keys: Keys) -> Sight:
    found = listed(Schedules(names), reply, keys)
    return Sight(found.now, found.schedules[0] if found.schedules else None)


def fire(command: Fire, keys: Keys, sight: Sight) -> tuple[Word, ...]:
    slot, schedule = command.slot, sight.schedule
    if command.version is None and slot is None:
        slot = sight.now
    plan = schedule.plan if schedule else None
    jobs = (slot_job(command.name, plan, slot, command.delay_ms),) if plan and slot is not None else ()
    request_id = command.request_id if command.version is None else None
    step = (
        command.name,
        command.version,
        schedule.version if schedule else None,
        slot,
        command.next_at,
        plan.overlap if plan else None,
        plan.count if plan else None,
    )
    return *add(Add(jobs, request_id), keys), pack(step)


def fired(command: Fire, reply: Any, keys: Keys) -> Fired | Refused:
    match reply:
        case ["fired", str(queue), str(job_id)]:
            return Fired(JobRef(queue, job_id))
        case ["fired"]:
            return Fired()
        case ["waiting"]:
            return Fired(is_waiting=True)
        case [NoSuchSchedule.code]:
            return NoSuchSchedule(name=command.name)
        case [ScheduleChanged.code]:
            return ScheduleChanged(name=command.name)
        case _:  # what refuses the job
            refusal = added(Add(()), reply, keys)
            assert isinstance(refusal, Refused)
            return refusal


def _record(name: str, flat: list[str]) -> ScheduleRecord:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    paused: Pause | None = fields["paused"] or None  # type: ignore[assignment]  # as it was put
    return ScheduleRecord(
        name,
        _plan.decode(fields["plan"]),
        int(fields["version"]),
        int(fields["since"]),
        _integer(fields["next_at"]),
        paused,
        int(fields.get("fired", 0)),
        int(fields.get("skipped", 0)),
        _integer(fields.get("slot_at", "")),
        JobRef(*fields["job"].split(":", 1)) if "job" in fields else None,
    )


def _page(command: Schedules, found: list[ScheduleRecord]) -> list[ScheduleRecord]:
    """A page of schedules that were asked for by their names."""
    if command.order == "name":
        behind = sorted((one for one in found if one.name > command.after[1]), key=lambda one: one.name)
    else:
        keys = {(one.next_at, one.name): one for one in found if one.next_at is not None and one.paused is None}
        behind = [keys[key] for key in sorted(keys) if key > command.after]
    return behind[: command.limit]


def _integer(text: str) -> int | None:
    return int(text) if text else None


CALLS: Final[dict[type, Call | Considered]] = {
    PutSchedule: Call("put_schedule", put_schedule, put),
    DropSchedule: Call("drop_schedule", drop_schedule, dropped),
    Fire: Considered("fire", looks_at, fire, fired, Look(look, see)),
    Schedules: Call("schedules", schedules, listed),
}
