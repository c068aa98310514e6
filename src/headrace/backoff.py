"""How long a failed job waits before its next attempt, as users say it: in seconds, or by a function of theirs."""

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

from headrace.core import backoff as core
from headrace.core.errors import InvalidOption, Misuse
from headrace.core.names import check_name
from headrace.engine.registry import Pause
from headrace.spans import Span, span_ms

F = TypeVar("F", bound=Pause)

JITTER_MAX: Final = 1.0


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same pause before every attempt; `jitter` 0.5 draws each from its upper half.

    Examples:
        >>> @app.task(attempts=3, backoff=headrace.Fixed(30))
        ... def fetch(url: str) -> str: ...
    """

    delay: Span
    _: KW_ONLY
    jitter: float = 0.0

    def __post_init__(self) -> None:
        self.stored()

    def stored(self) -> core.Fixed:
        """The same as a store keeps it."""
        return core.Fixed(_delay_ms(self.delay), _jitter(self.jitter))


@dataclass(frozen=True, slots=True)
class Exponential:
    """A pause that begins with `delay` and doubles with every attempt, up to `max`; `jitter` as for `Fixed`.

    Examples:
        Pauses of 15, 30, 60, 60 s, each drawn from its upper half:

        >>> @app.task(attempts=5, backoff=headrace.Exponential(15, max=60, jitter=0.5))
        ... def fetch(url: str) -> str: ...
    """

    delay: Span
    _: KW_ONLY
    jitter: float = 0.0
    max: Span | None = None

    def __post_init__(self) -> None:
        self.stored()

    def stored(self) -> core.Exponential:
        """The same as a store keeps it."""
        max_ms = core.DELAY_MAX_MS if self.max is None else span_ms("max", self.max, core.DELAY_MAX_MS)
        return core.Exponential(_delay_ms(self.delay), _jitter(self.jitter), max_ms)


BackoffLike: TypeAlias = Fixed | Exponential | Pause | str | Span
"""A backoff as an option takes it: a span is `Fixed`, text is the name of a registered function."""


class Pauses:
    """The backoff functions of an app, by name: stored jobs know the name only."""

    def __init__(self) -> None:
        self.by_name: dict[str, Pause] = {}

    def register(self, function: Pause, name: str | None = None) -> core.Custom:
        """Let jobs name this function: `Misuse` if it has no name of its own or another function took it."""
        own = name or str(getattr(function, "__name__", "<lambda>"))
        if own == "<lambda>":
            raise Misuse('a backoff function needs a name that stays: @app.backoff("name")')
        if self.by_name.setdefault(check_name(own), function) is not function:
            raise Misuse(f"there is another backoff function named {own!r}; give this one a name of its own")
        return core.Custom(own)

    def stored(self, value: Any) -> core.Backoff | None:
        """Any form of a backoff as a store keeps it; a function must be registered already."""
        match value:
            case None:
                return None
            case Fixed() | Exponential():
                return value.stored()
            case str():
                return core.Custom(check_name(value))
            case int() | float() | timedelta():
                return Fixed(value).stored()
            case _:
                return self._registered(value)

    def _registered(self, value: object) -> core.Custom:
        for name, function in self.by_name.items():
            if function is value:
                return core.Custom(name)
        if callable(value):
            raise InvalidOption('the backoff function is unknown to workers; register it: @app.backoff("name")')
        raise InvalidOption(
            f"backoff is {type(value).__name__}; use headrace.Fixed(seconds), headrace.Exponential(seconds), "
            "a number of seconds, or a function"
        )


def _delay_ms(delay: Span) -> int:
    return span_ms("the delay of a backoff", delay, core.DELAY_MAX_MS)


def _jitter(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= JITTER_MAX:
        raise InvalidOption(f"jitter is {value!r}; it lies between 0 and 1")
    return float(value)
