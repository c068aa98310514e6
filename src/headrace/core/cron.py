"""When a cron expression comes true: a pure function from an instant to the next one.

cronsim reads the expression: five fields, or six with the seconds first; names, lists, ranges, steps, `L`, `LW` and
`MON#2`; if neither day field begins with a star, either of them is enough. The walk from slot to slot is ours. That
of cronsim steps by whole hours, and so loses half an hour where clocks are set by thirty minutes, takes a midnight that
a change of clocks left out for one that was there, and goes by other rules with six fields than with five.

What a change of clocks does depends on what was asked, as in the cron of Debian:

* A time of the day (neither minute nor hour begins with a star) comes once a day. If it is left out, it comes when the
  clocks have been set; of an hour that is repeated, the first time counts.
* A rhythm (`*/15 * * * *`) follows the clock as it is: nothing in an hour left out, twice in one that is repeated.
"""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from headrace.core.schedule_errors import BadSchedule

TEXT_MAX: Final = 1_000  # characters
YEARS_MAX: Final = 50  # an expression that does not come true in so many years never does
DAY: Final = 86_400
_ONE: Final = re.compile(r"\b(\w+)-\1/0*[1-9]\d*")  # `5-5/2` is 5 alone; cronsim takes it for `5/2`
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_START: Final = datetime(2000, 1, 1, tzinfo=UTC)  # any instant does: only the fields that were read are used

NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def check(text: str, zone: str) -> None:
    """`BadSchedule` if the expression is none, if it never comes true, or if there is no such zone."""
    if next_after(text, zone, 0) is None:
        raise BadSchedule(f"the cron expression {text!r} never comes true; look at its day and its month")


def next_after(text: str, zone: str, after: int) -> int | None:
    """The first instant after this one, in milliseconds, at which the expression comes true; None if it never does."""
    found = _clock(text, zone).after(after // 1000)
    return None if found is None else found * 1000


@lru_cache(maxsize=1024)
def _clock(text: str, zone: str) -> "_Clock":
    return _Clock(_Fields(text), _zone(zone))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSchedule(f"there is no time zone {name!r}; names are like Europe/Berlin, or UTC") from None


class _Fields:
    """The times that an expression names, on a clock that is never set."""

    def __init__(self, text: str) -> None:
        """`BadSchedule` if it is no cron expression."""
        if text.startswith("@") and text.lower() not in NICKNAMES:
            raise BadSchedule(f"{text!r} is no cron expression; there are {', '.join(NICKNAMES)}")
        plain = NICKNAMES.get(text.lower(), text)
        if len(plain) > TEXT_MAX or len(plain.split()) not in (5, 6):
            raise BadSchedule(
                f"{text[:TEXT_MAX]!r} is no cron expression: it has five fields, or six with seconds first"
            )
        try:
            self._read = CronSim(_ONE.sub(r"\1", plain), _START)
        except CronSimError as error:
            raise BadSchedule(f"{text!r} is no cron expression: {str(error).lower()}") from None
        self._seconds = sorted(self._read.seconds)
        self._minutes = sorted(self._read.minutes)
        self._hours = sorted(self._read.hours)
        self.is_rhythm: Final = any(field.startswith("*") for field in self._read.parts[1:3])

    def at_or_after(self, wall: datetime) -> datetime | None:
        """The first of these times that is not before this one."""
        day, earliest, last = wall.date(), wall.time(), wall.year + YEARS_MAX
        while day.year <= last:
            if day.month not in self._read.months:
                day = _next_month(day)
            else:
                found = self._time(earliest) if self._read.match_day(day) else None
                if found is not None:
                    return datetime.combine(day, found)
                day += _DAY
            earliest = time()
        return None

    def _time(self, earliest: time) -> time | None:
        """The first time of a day that is not before this one."""
        hour, minute, second = earliest.hour, earliest.minute, earliest.second
        at = _least(self._seconds, second) if hour in self._hours and minute in self._minutes else None
        if at is not None:
            return time(hour, minute, at)
        at = _least(self._minutes, minute + 1) if hour in self._hours else None
        if at is not None:
            return time(hour, at, self._seconds[0])
        at = _least(self._hours, hour + 1)
        return None if at is None else time(at, self._minutes[0], self._seconds[0])


class _Clock:
    """The times of some fields on the clock of a zone, as instants in seconds."""

    def __init__(self, fields: _Fields, zone: tzinfo) -> None:
        self._fields = fields
        self._zone = zone

    def after(self, instant: int) -> int | None:
        """The first instant after this one."""
        return self._beat(instant + 1) if self._fields.is_rhythm else self._time_of_day(instant)

    def _time_of_day(self, instant: int) -> int | None:
        """The first instant later than this one at which the clock first shows, or passes, one of the times."""
        wall = self._fields.at_or_after(self._wall(instant) + _SECOND)
        while wall is not None:
            found = self._first(wall)
            if found > instant:
                return found
            wall = self._fields.at_or_after(wall + _SECOND)  # it is in an hour that is just being repeated
        return None

    def _beat(self, instant: int) -> int | None:
        """The first instant not before this one at which the clock shows one of the times."""
        while True:
            wall = self._wall(instant)
            found = self._fields.at_or_after(wall)
            if found is None:
                return None
            ahead = round((found - wall).total_seconds())
            if self._offset(instant) != self._offset(instant + DAY):
                change = self._change(instant, instant + DAY)
                if instant + ahead < change:
                    return instant + ahead
                instant = change
            elif ahead < DAY:
                return instant + ahead
            else:  # within two days of it clocks may be set, so go on from there
                instant += max(DAY, ahead - 2 * DAY)

    def _first(self, wall: datetime) -> int:
        """When the clock shows this for the first time; if it never does, when it is set to something later."""
        instant = round(wall.replace(tzinfo=self._zone).timestamp())
        return instant if self._wall(instant) == wall else self._change(instant - DAY, instant)

    def _change(self, before: int, after: int) -> int:
        """When, between these two, the clock was set."""
        old = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self._offset(middle) == old else (before, middle)
        return after

    def _wall(self, instant: int) -> datetime:
        return datetime.fromtimestamp(instant, self._zone).replace(tzinfo=None, fold=0)

    def _offset(self, instant: int) -> timedelta:
        return cast("timedelta", datetime.fromtimestamp(instant, self._zone).utcoffset())


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _least(sorted_numbers: list[int], at_least: int) -> int | None:
    place = bisect_left(sorted_numbers, at_least)
    return sorted_numbers[place] if place < len(sorted_numbers) else None
