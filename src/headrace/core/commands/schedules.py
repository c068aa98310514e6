"""Commands about schedules."""

from typing import Final, Literal

from msgspec import Struct

from headrace.core.commands.command import Command
from headrace.core.jobs import JobRef
from headrace.core.schedules import ScheduleRecord

SCHEDULES_MAX: Final = 1_000  # in one page


class Put(Struct, frozen=True):
    """Done; the version that the schedule has now."""

    version: int


class PutSchedule(Command[Put], frozen=True):
    """Make a schedule, or change the one that has `schedule.version`; 0 is that of one which is not there yet.

    Any other version is refused: `ScheduleChanged`. What is put are the plan, `since`, `next_at` and `paused`; the rest
    of the record is the store's.
    """

    schedule: ScheduleRecord


class Dropped(Struct, frozen=True):
    """Done."""


class DropSchedule(Command[Dropped], frozen=True):
    """Forget a schedule: `NoSuchSchedule` if there is none. The jobs that it has added stay."""

    name: str


class Fired(Struct, frozen=True):
    """The job that was added, if one was. `is_waiting`: nothing was done, for the job before has not finished."""

    job: JobRef | None = None
    is_waiting: bool = False


class Fire(Command[Fired], frozen=True):
    """Add the job of a slot and go on to the next slot, in one step; `ScheduleChanged` for another `version`.

    So each slot fires once, whoever else tries. Without a `slot`, what has come is passed over. While the last job of
    the schedule has not finished, its plan says what becomes of the slot: with `skip` it is passed over and counted,
    with `queue` nothing is done. The job is delayed by `delay_ms`, beside its own delay. After `plan.count` jobs there
    is no next slot. What refuses the job refuses the command.

    With no `version` a job is added by hand: whatever the slots, the last job and a pause say. That counts as no slot
    and changes no slot; `slot` is the instant that the job is told, now if there is none. With a `request_id` that was
    answered before nothing is added: the job is the first of that answer, if it had one.
    """

    name: str
    version: int | None = None
    slot: int | None = None
    next_at: int | None = None
    delay_ms: int = 0
    request_id: str | None = None


class ScheduleList(Struct, frozen=True):
    """Schedules, and the instant by the clock of the store. As many as the limit: there may be more."""

    schedules: tuple[ScheduleRecord, ...]
    now: int


class Schedules(Command[ScheduleList], frozen=True):
    """The schedules of these names, or all, a page of them after the one of this `next_at` and name.

    By `name`, or by `time`: then only those that are not paused and not over, the next to fire first.
    """

    names: tuple[str, ...] | None = None
    order: Literal["name", "time"] = "name"
    after: tuple[int, str] = (-1, "")
    limit: int = SCHEDULES_MAX
