"""Spans of time as users give them, seconds or `timedelta`, and how much of the finished jobs stays."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from headrace.core import jobs as core
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.errors import InvalidOption

Span: TypeAlias = float | int | timedelta
"""Seconds, or a timedelta."""

AGE_MAX_MS: Final = 100 * DELAY_MAX_MS
COUNT_MAX: Final = 1 << 53


def span_ms(name: str, value: object, most_ms: int, least_ms: int = 0) -> int:
    """A span as milliseconds, or `InvalidOption`; what is longer than nothing never becomes nothing."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidOption(f"{name} is {type(value).__name__}; give seconds or a timedelta")
    if not least_ms <= seconds * 1000 <= most_ms:  # not a number is not between anything
        raise InvalidOption(f"{name} is {seconds} s; it lies between {least_ms / 1000:g} and {most_ms / 1000:g} s")
    return max(round(seconds * 1000), 1) if seconds else 0


def count_of(name: str, value: object, least: int, most: int) -> int:
    """A whole number within its bounds, or `InvalidOption`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption(f"{name} is {type(value).__name__}; it is a whole number")
    if not least <= value <= most:
        raise InvalidOption(f"{name} is {value}; it lies between {least} and {most}")
    return value


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of the finished jobs of a queue stays: the newest `count`, none older than `age`; None is no bound.

    `Keep(count=0)` removes a job the moment it finishes, and its result with it.

    Examples:
        >>> @app.task(keep_completed=headrace.Keep(count=1000, age=3600))
        ... def measure(sensor: str) -> float: ...
    """

    count: int | None = None
    age: Span | None = None

    def __post_init__(self) -> None:
        self.stored()

    def stored(self) -> core.Keep:
        """The same as a store keeps it."""
        return core.Keep(
            None if self.count is None else count_of("count", self.count, 0, COUNT_MAX),
            None if self.age is None else span_ms("age", self.age, AGE_MAX_MS),
        )


def kept(name: str, value: object) -> core.Keep | Literal["default"] | None:
    """The retention of a queue as a store keeps it; `InvalidOption` if it is none."""
    if value is None:
        return None
    if isinstance(value, Keep):
        return value.stored()
    if value == "default":
        return "default"
    raise InvalidOption(f'{name} is {value!r}; use headrace.Keep(count=…, age=…), or "default"')
