"""Which slot is next, what is due, and what a new plan changes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headrace.core.jobs import NewJob
from headrace.core.schedules import (
    LATE_MAX_MS,
    Aim,
    CronTiming,
    EveryTiming,
    Plan,
    ScheduleRecord,
    aim,
    first_slot,
    next_slot,
    replan,
    resumed,
)
from headrace.errors import BadSchedule

JOB = NewJob("q", "work")
MINUTE = 60_000


def every(ms: int = MINUTE, **fields: Any) -> Plan:
    return Plan(EveryTiming(ms), JOB, **fields)


def cron(text: str, zone: str = "UTC", **fields: Any) -> Plan:
    return Plan(CronTiming(text, zone), JOB, **fields)


def known(plan: Plan, next_at: int | None, since: int = 0, **fields: Any) -> ScheduleRecord:
    return ScheduleRecord("s", plan, 1, since, next_at, **fields)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_spans_are_counted_from_when_it_was_put_or_from_its_start() -> None:
    assert next_slot(every(), 5, 5) == 5 + MINUTE
    assert next_slot(every(), 5, 5 + MINUTE) == 5 + 2 * MINUTE
    assert next_slot(every(start_at=1_000), 5, 5) == 1_000
    assert next_slot(every(start_at=1_000), 5, 1_000) == 1_000 + MINUTE
    assert next_slot(every(start_at=1_000), 5, 100 * MINUTE) == 1_000 + 100 * MINUTE


def test_start_and_end_are_slots_if_they_fit() -> None:
    hourly = cron("0 * * * *", start_at=at("2026-01-01T10:00"), end_at=at("2026-01-01T11:00"))
    slots = [next_slot(hourly, 0, at("2026-01-01T00:00")), next_slot(hourly, 0, at("2026-01-01T10:00"))]
    assert slots == [at("2026-01-01T10:00"), at("2026-01-01T11:00")]
    assert next_slot(hourly, 0, at("2026-01-01T11:00")) is None


def test_a_plan_that_would_never_fire_is_refused() -> None:
    with pytest.raises(BadSchedule, match="never add a job"):
        first_slot(every(end_at=99), 40)
    with pytest.raises(BadSchedule, match="never add a job"):
        first_slot(every(end_at=99, is_immediate=True), 100)
    with pytest.raises(BadSchedule, match="never add a job"):
        replan(known(every(), MINUTE), every(end_at=50), 100)


def test_an_immediate_one_begins_now_or_at_its_start() -> None:
    assert first_slot(every(is_immediate=True), 500) == 500
    assert first_slot(cron("0 0 1 1 *", is_immediate=True, start_at=900), 500) == 900


def test_nothing_is_to_do_before_the_slot_or_while_it_is_paused_or_over() -> None:
    assert aim(known(every(), 100), 99) is None
    assert aim(known(every(), None), 99) is None
    assert aim(known(every(), 100, paused="gone"), 100) is None
    assert aim(known(every(), MINUTE), MINUTE) == Aim(MINUTE, 2 * MINUTE)


def test_catching_up_makes_up_for_the_latest_all_or_none() -> None:
    now = 10 * MINUTE + 5
    assert aim(known(every(), MINUTE), now) == Aim(10 * MINUTE, 11 * MINUTE)
    assert aim(known(every(catch_up="all"), MINUTE), now) == Aim(MINUTE, 2 * MINUTE)
    assert aim(known(every(catch_up="none"), MINUTE), now) == Aim(10 * MINUTE, 11 * MINUTE)
    late = 10 * MINUTE + LATE_MAX_MS + 1
    slow = every(10 * MINUTE, catch_up="none")
    assert aim(known(slow, 10 * MINUTE), late) == Aim(None, 20 * MINUTE)
    assert aim(known(slow, 10 * MINUTE), late - 1) == Aim(10 * MINUTE, 20 * MINUTE)


def test_the_last_slot_is_the_end() -> None:
    assert aim(known(every(end_at=2 * MINUTE), MINUTE), 99 * MINUTE) == Aim(2 * MINUTE, None)


def test_years_of_seconds_are_caught_up_with_at_once() -> None:
    plan = cron("* * * * * *", "Europe/Berlin")
    assert aim(known(plan, at("2006-01-01T00:00")), at("2026-01-01T00:00") + 7) == Aim(
        at("2026-01-01T00:00"), at("2026-01-01T00:00") + 1000
    )


TEXTS = ("*/7 * * * *", "* 3 * * *", "0 0 29 2 *", "30 2 * * *", "0 12 * jan mon", "*/20 * 4 * * *", "0 0 1 */5 *")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(0, 40 * 86_400), st.sampled_from(("Europe/Berlin", "Australia/Lord_Howe")))
def test_the_latest_slot_is_the_one_that_a_walk_from_slot_to_slot_finds(text: str, away: int, zone: str) -> None:
    plan = cron(text, zone)
    start = at("2028-02-10T00:00")
    now = start + away * 1000
    first = next_slot(plan, 0, start)
    assert first is not None
    slot = first
    while (later := next_slot(plan, 0, slot)) is not None and later <= now and first <= now:
        slot = later
    expected = Aim(slot, next_slot(plan, 0, slot)) if first <= now else None
    assert aim(known(plan, first), now) == expected


def test_a_plan_with_the_same_times_goes_on_where_it_was() -> None:
    before = known(every(), MINUTE, since=7, fired=3)
    assert replan(before, every(), 99) == before
    other = every(overlap="skip")
    assert replan(before, other, 99) == replace(before, plan=other)


def test_a_plan_with_other_times_begins_anew_and_a_pause_stays() -> None:
    before = known(every(), MINUTE, since=7, paused="by hand")
    assert replan(before, every(5_000), 99) == replace(before, plan=every(5_000), since=99, next_at=5_099)


def test_a_plan_that_was_over_goes_on_with_a_greater_count_and_ends_with_a_smaller_one() -> None:
    over = known(every(count=2), None, fired=2)
    assert replan(over, every(count=3), 5 * MINUTE).next_at == 6 * MINUTE
    assert replan(known(every(), MINUTE, fired=2), every(count=2), 0).next_at is None


def test_what_came_during_a_pause_is_not_made_up_for() -> None:
    paused = known(every(catch_up="all"), MINUTE, paused="by hand")
    assert resumed(paused, 5 * MINUTE) == replace(paused, paused=None, next_at=6 * MINUTE)
    assert resumed(paused, 5) == replace(paused, paused=None)
