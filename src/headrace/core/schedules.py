"""Schedules: what adds jobs by the clock, and the decisions about them, as pure functions.

A schedule has a plan, and an instant at which it fires next: its next slot. A store knows no more of time than that: it
compares, adds the job and writes down the slot after it, which was found here.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from headrace.core import cron
from headrace.core.jobs import JobRef, NewJob, Slot
from headrace.core.schedule_errors import BadSchedule

LATE_MAX_MS: Final = 60_000  # a slot that is later than this was missed

CatchUp: TypeAlias = Literal["latest", "all", "none"]
"""Which of the slots are made up for that came while no worker was there."""
Overlap: TypeAlias = Literal["allow", "skip", "queue"]
"""What to do at a slot while the job before it has not finished."""
Pause: TypeAlias = Literal["by hand", "gone"]
"""Why a schedule is paused; `gone`: the code that declared it does so no more."""
CATCH_UPS: Final[tuple[CatchUp, ...]] = ("latest", "all", "none")
OVERLAPS: Final[tuple[Overlap, ...]] = ("allow", "skip", "queue")


class CronTiming(Struct, frozen=True, tag="cron"):
    """Whenever a cron expression comes true on the clock of a zone."""

    text: str
    zone: str = "UTC"


class EveryTiming(Struct, frozen=True, tag="every"):
    """Every so often, counted from the start of the schedule."""

    every_ms: int


Timing: TypeAlias = CronTiming | EveryTiming


class Plan(Struct, frozen=True, omit_defaults=True):
    """What a schedule does: a job, and when.

    Slots lie between `start_at` and `end_at`, both included; after `count` jobs it is over. A job waits up to
    `jitter_ms` after its slot. `module` is that of the code that declares the schedule.
    """

    timing: Timing
    job: NewJob
    start_at: int | None = None
    end_at: int | None = None
    count: int | None = None
    is_immediate: bool = False
    jitter_ms: int = 0
    catch_up: CatchUp = "latest"
    overlap: Overlap = "allow"
    module: str | None = None


class ScheduleRecord(Struct, frozen=True):
    """A schedule at one moment.

    `version` grows with every change, firing included. Spans are counted from `since` if the plan has no start. Without
    `next_at` it is over. `fired` counts the jobs that its slots have added, `skipped` the slots that overlapped;
    `slot_at` is its last slot, and `job` the last job.
    """

    name: str
    plan: Plan
    version: int
    since: int
    next_at: int | None
    paused: Pause | None = None
    fired: int = 0
    skipped: int = 0
    slot_at: int | None = None
    job: JobRef | None = None


class Aim(Struct, frozen=True):
    """What to fire: a slot, or none if all that came are passed over; and the slot after it."""

    slot: int | None
    next_at: int | None


def next_slot(plan: Plan, since: int, after: int) -> int | None:
    """The first slot after an instant; None if there is none any more."""
    start = plan.start_at
    earliest = after if start is None else max(after, start - 1)
    timing = plan.timing
    if isinstance(timing, CronTiming):
        slot = cron.next_after(timing.text, timing.zone, earliest)
    else:
        origin = since + timing.every_ms if start is None else start
        slot = origin + max((earliest - origin) // timing.every_ms + 1, 0) * timing.every_ms
    return None if slot is None or (plan.end_at is not None and slot > plan.end_at) else slot


def first_slot(plan: Plan, now: int) -> int:
    """The first slot of a schedule that is put now; `BadSchedule` if there would be none."""
    slot = next_slot(plan, now, now)
    if plan.is_immediate and (plan.end_at is None or plan.end_at >= now):
        slot = max(now, plan.start_at or now)
    if slot is None:
        raise BadSchedule("the schedule would never add a job: it ends before its first slot")
    return slot


def aim(schedule: ScheduleRecord, now: int) -> Aim | None:
    """What a schedule is to do now; None if there is nothing to do."""
    slot, plan = schedule.next_at, schedule.plan
    if schedule.paused is not None or slot is None or slot > now:
        return None
    if plan.catch_up != "all":
        slot = _last_slot(schedule, slot, now)
    after = next_slot(plan, schedule.since, slot)
    is_missed = plan.catch_up == "none" and now - slot > LATE_MAX_MS
    return Aim(None if is_missed else slot, after)


def replan(schedule: ScheduleRecord, plan: Plan, now: int) -> ScheduleRecord:
    """A schedule with another plan. It goes on where it was, unless the new plan has other slots."""
    old = schedule.plan
    changed: dict[str, object] = {"plan": plan}
    if (plan.timing, plan.start_at, plan.end_at) != (old.timing, old.start_at, old.end_at):
        changed |= {"since": now, "next_at": next_slot(plan, now, now)}
        if changed["next_at"] is None:
            raise BadSchedule("the schedule would never add a job: it ends before its first slot")
    elif schedule.next_at is None:
        changed["next_at"] = next_slot(plan, schedule.since, now)
    if plan.count is not None and schedule.fired >= plan.count:
        changed["next_at"] = None
    return _changed(schedule, changed)


def resumed(schedule: ScheduleRecord, now: int) -> ScheduleRecord:
    """A schedule that is paused no more; the slots that came meanwhile are not made up for."""
    next_at = schedule.next_at
    if next_at is not None and next_at <= now:
        next_at = next_slot(schedule.plan, schedule.since, now)
    return _changed(schedule, {"paused": None, "next_at": next_at})


def slot_job(name: str, plan: Plan, slot: int, delay_ms: int = 0) -> NewJob:
    """The job of a slot."""
    options = replace(plan.job.options, slot=Slot(name, slot))
    return replace(plan.job, options=options, delay_ms=plan.job.delay_ms + delay_ms)


def _last_slot(schedule: ScheduleRecord, slot: int, now: int) -> int:
    """The last slot that is not after now; one is known. Found by halving: there may be millions between."""
    later = next_slot(schedule.plan, schedule.since, slot)
    most = now
    while later is not None and later <= now:
        slot = later
        middle = (slot + most) // 2
        later = next_slot(schedule.plan, schedule.since, middle)
        if later is None or later > now:
            most, later = middle, next_slot(schedule.plan, schedule.since, slot)
    return slot


def _changed(schedule: ScheduleRecord, changed: dict[str, object]) -> ScheduleRecord:
    return replace(schedule, **changed)
