"""Cron expressions against a clock that is looked at minute by minute, and second by second, in several zones."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core import cron
from headrace.errors import BadSchedule

MINUTE = 60
NEVER = datetime(1, 1, 1)  # noqa: DTZ001 - as a clock on a wall shows it
HOUR = 3600
DAY = 86_400

CHANGES = (
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by thirty minutes
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("America/Santiago", "2026-04-05T03:00"),  # at midnight
    ("America/Santiago", "2026-09-06T04:00"),
    ("Africa/Cairo", "2026-04-23T22:00"),
    ("America/St_Johns", "2010-11-07T02:31"),  # a minute after midnight, back into the day before
    ("Pacific/Apia", "2011-12-30T10:00"),  # a whole day
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Asia/Kolkata", "2026-02-28T18:30"),
    ("UTC", "2028-02-29T00:00"),
)


@dataclass(frozen=True)
class Field:
    """A field as it is written, and the numbers that it means."""

    text: str
    numbers: frozenset[int] = field(repr=False)


def fields(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[Field]:
    numbers = st.integers(low, high)

    def spelled(number: int) -> str:
        return names[number - low] if names and number % 2 else str(number)

    def ranged(ends: tuple[int, int]) -> Field:
        first, last = sorted(ends)
        return Field(f"{spelled(first)}-{spelled(last)}", frozenset(range(first, last + 1)))

    def stepped(ends: tuple[int, int, int]) -> Field:
        first, last, step = min(ends[:2]), max(ends[:2]), ends[2]
        return Field(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)))

    def joined(parts: list[Field]) -> Field:
        return Field(",".join(part.text for part in parts), frozenset().union(*(part.numbers for part in parts)))

    steps = st.integers(1, high)
    every = Field("*", frozenset(range(low, high + 1)))
    one = numbers.map(lambda number: Field(spelled(number), frozenset({number})))
    part = st.one_of(one, st.tuples(numbers, numbers).map(ranged), st.tuples(numbers, numbers, steps).map(stepped))
    star = steps.map(lambda step: Field(f"*/{step}", frozenset(range(low, high + 1, step))))
    return st.one_of(st.just(every), star, part, st.lists(part, min_size=2, max_size=3).map(joined))


MONTHS = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
DAYS = tuple("SUN MON TUE WED THU FRI SAT".split())
seconds = st.one_of(st.just(Field("0", frozenset({0}))), fields(0, 59))
minutes, hours, days, months, weekdays = (
    fields(0, 59),
    fields(0, 23),
    st.one_of(st.just(Field("*", frozenset(range(1, 32)))), fields(1, 31)),
    st.one_of(st.just(Field("*", frozenset(range(1, 13)))), fields(1, 12, MONTHS)),
    st.one_of(st.just(Field("*", frozenset(range(7)))), fields(0, 6, DAYS)),
)
five = st.tuples(minutes, hours, days, months, weekdays)
nightly = fields(0, 4).filter(lambda one: not one.text.startswith("*"))  # when clocks are set
early = st.tuples(minutes, nightly, days, months, weekdays)


def fits(expression: tuple[Field, ...], wall: datetime) -> bool:
    *times, day, month, weekday = expression
    shown = (wall.second, wall.minute, wall.hour)[-len(times) :]
    is_day, is_weekday = wall.day in day.numbers, wall.isoweekday() % 7 in weekday.numbers
    both = day.text.startswith("*") or weekday.text.startswith("*")
    is_date = (is_day and is_weekday) if both else (is_day or is_weekday)
    in_time = all(number in one.numbers for number, one in zip(shown, times, strict=True))
    return in_time and is_date and wall.month in month.numbers


@cache
def walls(zone: str, first: int, last: int, step: int) -> list[tuple[int, datetime]]:
    place = ZoneInfo(zone)
    return [(at, datetime.fromtimestamp(at, place).replace(tzinfo=None, fold=0)) for at in range(first, last, step)]


def looked_up(expression: tuple[Field, ...], zone: str, first: int, last: int, step: int) -> list[int]:
    """The slots between two instants, by looking at the clock at each step; it was watched for two days before."""
    *times, _, _, _ = expression
    is_rhythm = any(one.text.startswith("*") for one in times[-2:])
    found = []
    latest = NEVER  # the latest that the clock has shown so far
    for at, wall in walls(zone, first - 2 * DAY // (60 // step), last, step):
        if is_rhythm:
            is_slot = fits(expression, wall)
        else:
            is_slot = any(fits(expression, passed) for passed in between(latest, wall, step))
        if is_slot and at >= first:
            found.append(at)
        latest = max(latest, wall)
    return found


def between(latest: datetime, wall: datetime, step: int) -> list[datetime]:
    """What the clock shows or passes for the first time when it comes to show `wall`."""
    if latest == NEVER:
        return [wall]
    count = round((wall - latest).total_seconds()) // step
    return [latest + timedelta(seconds=step * number) for number in range(1, count + 1)]


def walked(text: str, zone: str, first: int, last: int) -> list[int]:
    found: list[int] = []
    at = (first - 1) * 1000
    while True:
        slot = cron.next_after(text, zone, at)
        if slot is None or slot >= last * 1000:
            return found
        assert slot > at
        at = slot
        found.append(slot // 1000)


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def same(expression: tuple[Field, ...], zone: str, first: int, last: int, step: int) -> None:
    text = " ".join(one.text for one in expression)
    assert walked(text, zone, first, last) == looked_up(expression, zone, first, last, step)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CHANGES), st.one_of(five, early))
def test_five_fields_are_what_a_look_at_the_clock_each_minute_finds(
    change: tuple[str, str], expression: tuple[Field, ...]
) -> None:
    zone, at = change
    same(expression, zone, instant(at) - 26 * HOUR, instant(at) + 26 * HOUR, MINUTE)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CHANGES), seconds, st.one_of(five, early))
def test_six_fields_are_what_a_look_at_the_clock_each_second_finds(
    change: tuple[str, str], second: Field, expression: tuple[Field, ...]
) -> None:
    zone, at = change
    first, last = instant(at) - 75 * MINUTE, instant(at) + 75 * MINUTE
    same((second, *expression), zone, first, last, 1)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CHANGES), five, st.integers(0, 400 * DAY))
def test_from_anywhere_the_next_slot_is_the_first_one_of_those_that_come(
    change: tuple[str, str], expression: tuple[Field, ...], away: int
) -> None:
    """Years between are crossed in leaps, and none of them leaps too far."""
    zone, at = change
    text = " ".join(one.text for one in expression)
    start = (instant(at) - away) * 1000
    slot = cron.next_after(text, zone, start)
    if slot is None:
        return
    assert slot > start
    assert cron.next_after(text, zone, slot - 1) == slot
    assert cron.next_after(text, zone, (start + slot) // 2 - 1) == slot


BERLIN = "Europe/Berlin"


def local(text: str, zone: str, after: str, count: int) -> list[str]:
    """Some slots after an instant of UTC, as the clock of the zone shows them."""
    at, shown = instant(after) * 1000, []
    for _ in range(count):
        slot = cron.next_after(text, zone, at)
        assert slot is not None
        at = slot
        shown.append(datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).strftime("%m-%d %H:%M %Z"))
    return shown


def test_a_time_that_the_night_in_spring_leaves_out_comes_when_the_clocks_are_set() -> None:
    assert local("30 2 * * *", BERLIN, "2026-03-28T00:00", 3) == [
        "03-28 02:30 CET",
        "03-29 03:00 CEST",
        "03-30 02:30 CEST",
    ]


def test_a_time_that_the_night_in_autumn_repeats_comes_once() -> None:
    assert local("30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]
    assert local("0 30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == ["10-25 02:30 CEST", "10-26 02:30 CET"]
    assert local("30 2 * * *", BERLIN, "2026-10-25T01:10", 1) == ["10-26 02:30 CET"]


def test_a_rhythm_goes_on_through_both_nights() -> None:
    assert local("30 * * * *", BERLIN, "2026-03-29T00:00", 2) == ["03-29 01:30 CET", "03-29 03:30 CEST"]
    assert local("30 * * * *", BERLIN, "2026-10-25T00:00", 2) == ["10-25 02:30 CEST", "10-25 02:30 CET"]


def test_a_night_in_which_clocks_are_set_by_half_an_hour_has_its_two_o_clock() -> None:
    zone = "Australia/Lord_Howe"
    assert local("0 2 * * *", zone, "2026-04-04T12:00", 1) == ["04-05 02:00 +1030"]


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("0 0 29 2 *", ["02-29 00:00 UTC"]),
        ("0 12 L * *", ["01-31 12:00 UTC", "02-28 12:00 UTC"]),
        ("0 12 * * MON#2", ["01-12 12:00 UTC", "02-09 12:00 UTC"]),
        ("0 12 * * 5L", ["01-30 12:00 UTC", "02-27 12:00 UTC"]),
        ("0 0 13 * FRI", ["01-02 00:00 UTC", "01-09 00:00 UTC", "01-13 00:00 UTC"]),
        ("0 0 * jan,mar sun-mon", ["01-04 00:00 UTC", "01-05 00:00 UTC"]),
        ("0 0 * * 7", ["01-04 00:00 UTC", "01-11 00:00 UTC"]),
        ("5-5/3 0 1 * *", ["01-01 00:05 UTC", "02-01 00:05 UTC"]),
        ("@yearly", ["01-01 00:00 UTC"]),
        ("@monthly", ["02-01 00:00 UTC"]),
        ("@weekly", ["01-04 00:00 UTC"]),
        ("@Daily", ["01-02 00:00 UTC"]),
        ("@hourly", ["01-01 01:00 UTC"]),
    ],
)
def test_what_expressions_can_say(text: str, slots: list[str]) -> None:
    assert local(text, "UTC", "2026-01-01T00:00", len(slots)) == slots


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * * *", "five fields"),
        ("60 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("60 * * * * *", "bad second"),
        ("5-1 * * * *", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("x * * * *", "bad minute"),
        ("@reboot", "there are @yearly"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 31 2,4,6 *", "bad day-of-month"),
        ("0 0 * 2 MON#5", None),
        ("0 0 30 2 MON", None),
        ("* " * 600, "five fields"),
        ("1" * 2000 + " * * * *", "five fields"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(text: str, says: str | None) -> None:
    if says is None:
        cron.check(text, "UTC")
        return
    with pytest.raises(BadSchedule, match=says):
        cron.check(text, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "Europe", "Europe/Berlin\0"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(BadSchedule, match="no time zone"):
        cron.check("* * * * *", zone)
