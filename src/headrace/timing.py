"""When a schedule fires, as users say it: values that are checked when they are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final, TypeAlias
from zoneinfo import available_timezones

from headrace.core import cron
from headrace.core.errors import InvalidOption
from headrace.core.schedule_errors import BadSchedule
from headrace.core.schedules import CronTiming, EveryTiming, Timing
from headrace.spans import Span, count_of, span_ms

EVERY_MIN_MS: Final = 1_000
EVERY_MAX_MS: Final = 10 * 366 * 86_400_000
NEXT_MAX: Final = 1_000
YEARS: Final = range(1970, 3000)


@dataclass(frozen=True, slots=True)
class Cron:
    """Whenever a cron expression comes true on the clock of a time zone.

    Five fields, or six with the seconds first; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. `BadSchedule`
    for an expression that is none or never comes true, and for an unknown zone.

    A time of the day comes once a day, also in the nights in which clocks are set; a rhythm, with a star as its minute
    or hour, follows the clock as it is.

    Examples:
        >>> nightly = headrace.Cron("30 3 * * mon-fri", tz="Europe/Berlin")
        >>> app.schedules.put.sync("thumbnails", nightly, resize.call("a.png")).fired
        0
    """

    text: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        for name, value in (("the cron expression", self.text), ("tz", self.tz)):
            if not isinstance(value, str):
                raise InvalidOption(f"{name} is {type(value).__name__}; it is text")
        try:
            cron.check(self.text, self.tz)
        except BadSchedule as error:
            near = get_close_matches(self.tz, sorted(available_timezones()), n=1)
            if "no time zone" in str(error) and near:
                raise BadSchedule(f"there is no time zone {self.tz!r}; did you mean {near[0]}?") from None
            raise

    def next(self, count: int = 1, *, after: datetime) -> list[datetime]:
        """The first instants after this one at which the expression comes true, up to `count`, in UTC."""
        at = instant_ms("after", after)
        return list(_instants(self, at, count_of("count", count, 1, NEXT_MAX)))

    def stored(self) -> CronTiming:
        """The same as a store keeps it."""
        return CronTiming(self.text, self.tz)


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds, a second at least, counted from the start of the schedule.

    Examples:
        >>> app.schedules.put.sync("thumbnails", headrace.Every(60), resize.call("a.png")).fired
        0
    """

    span: Span

    def __post_init__(self) -> None:
        self.stored()

    def stored(self) -> EveryTiming:
        """The same as a store keeps it."""
        return EveryTiming(span_ms("every", self.span, EVERY_MAX_MS, EVERY_MIN_MS))


When: TypeAlias = Cron | Every


def timing_of(when: object) -> Timing:
    """What a user gave as the time of a schedule, as a store keeps it."""
    if not isinstance(when, Cron | Every):
        raise InvalidOption(f"when is {type(when).__name__}; use headrace.Cron(…) or headrace.Every(…)")
    return when.stored()


def instant_ms(name: str, value: object) -> int:
    """An instant as milliseconds: `InvalidOption` for one without a time zone, or centuries away."""
    if not isinstance(value, datetime):
        raise InvalidOption(f"{name} is {type(value).__name__}; it is a datetime with a time zone")
    if value.tzinfo is None:
        raise InvalidOption(f"{name} has no time zone; add one, as in datetime(…, tzinfo=UTC)")
    if value.year not in YEARS:
        raise InvalidOption(f"{name} is in the year {value.year}; it lies between {YEARS[0]} and {YEARS[-1]}")
    return round(value.timestamp() * 1000)


def moment(at: int) -> datetime:
    """An instant of a store as a datetime in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _instants(when: Cron, at: int, count: int) -> Iterator[datetime]:
    for _ in range(count):
        found = cron.next_after(when.text, when.tz, at)
        if found is None:
            return
        at = found
        yield moment(at)
