"""The settings: one typed value for app, worker and command line, made of layers, with the origin of each setting.

A layer is a nested mapping and where it came from; later layers win. Every fault of all layers is found before
anything is refused, so that a file is mended in one go.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, cast

from msgspec import Struct, structs

from headrace.core.codec import DATA_MAX
from headrace.core.errors import BadConfig
from headrace.core.jobs import Keep

CONCURRENCY_MAX: Final = 10_000
LEASE_MIN_S: Final = 0.1
SPAN_MAX_S: Final = 10 * 365 * 86_400.0
DATA_MAX_MAX: Final = 1 << 28  # no store takes a larger value

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?")
_SECRET: Final = re.compile(r"([?&](?:\w+_)?(?:password|passwd|secret|token)=)[^&#]*", re.IGNORECASE)


class Retention(Struct, frozen=True):
    """How much of the finished jobs stays: the newest `count`, none older than `age` seconds; None is without bound."""

    count: int | None = None
    age: float | None = None

    @property
    def keep(self) -> Keep:
        """The same as stores take it."""
        return Keep(self.count, None if self.age is None else round(self.age * 1000))


class Settings(Struct, frozen=True, kw_only=True):
    """What can be set from outside; spans are seconds. A URL of None means that the place is still to be found."""

    url: str | None = None
    prefix: str | None = None
    environment: Literal["development", "production"] = "development"
    lease: float = 30.0  # a worker's hold on a job, renewed well before it ends
    poll: float = 5.0  # the most that a missed wake-up costs
    concurrency: int = 100  # jobs that a worker runs at once
    data_max: int = DATA_MAX  # bytes of a job's data, as JSON
    keep_completed: Retention = Retention(age=86_400.0)
    keep_failed: Retention = Retention(age=7 * 86_400.0)


Layer: TypeAlias = tuple[str, Mapping[str, object]]


class Setting(Struct, frozen=True):
    """One setting as `headrace config show` prints it: its dotted key, its value, and where that came from."""

    key: str
    value: object
    origin: str


class Resolved(Struct, frozen=True):
    """The settings, and the origin of each one that is not a default."""

    settings: Settings
    origins: dict[str, str]

    def describe(self) -> tuple[Setting, ...]:
        """Every setting with its value and origin, secrets masked."""
        values = dict(_flat(structs.asdict(self.settings)))
        return tuple(
            Setting(key, masked(str(values[key])) if key == "url" and values[key] else values[key], self._origin(key))
            for key in _PARSERS
        )

    def _origin(self, key: str) -> str:
        return self.origins.get(key, "default")


def resolve(layers: Iterable[Layer]) -> Resolved:
    """Make settings of layers, the last one winning: `BadConfig` with every problem of every layer."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    problems: list[str] = []
    for origin, layer in layers:
        for key, value in _flat(layer):
            try:
                values[key] = _parser(key)(value)
                origins[key] = origin
            except _Wrong as wrong:
                problems.append(f"{origin}: {key} {wrong}")
    if problems:
        raise bad_config(problems)
    return Resolved(_made(values), origins)


def bad_config(problems: Iterable[str]) -> BadConfig:
    """The one error for all these problems."""
    found = tuple(problems)
    return BadConfig("the settings are wrong:\n  " + "\n  ".join(found), problems=found)


def span_s(value: object) -> float:
    """A span in seconds: a number of them, or text such as "30s", "1.5h", "7d". `ValueError` says what is wrong."""
    if isinstance(value, str):
        match = _SPAN.fullmatch(value.strip())
        if not match:
            raise _Wrong('is no span of time; write "30s", "15m", "7d" or a number of seconds')
        value = float(match[1]) * _UNITS[match[2] or "s"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(f'is {type(value).__name__}; write "30s", "15m", "7d" or a number of seconds')
    if not 0 <= value <= SPAN_MAX_S:  # not a number is not between anything
        raise _Wrong("must lie between 0 and ten years")
    return float(value)


def masked(url: str) -> str:
    """A URL that can be shown: without its password, wherever that stands."""
    scheme, sign, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at and ":" in user:
        url = f"{scheme}{sign}{user.partition(':')[0]}:***@{host}{slash}{path}"
    return _SECRET.sub(r"\1***", url)


class _Wrong(ValueError):
    """What is wrong with a value, to be said after its key."""


def _flat(layer: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for name, value in layer.items():
        key = f"{above}{name}"
        if isinstance(value, Struct):
            yield from _flat(structs.asdict(value), f"{key}.")
        elif isinstance(value, Mapping) and key not in _PARSERS:
            yield from _flat(cast("Mapping[str, object]", value), f"{key}.")
        else:
            yield key, value


def _made(values: Mapping[str, Any]) -> Settings:
    defaults = Settings()
    plain = {key: value for key, value in values.items() if "." not in key}
    for group in ("keep_completed", "keep_failed"):
        inner = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{group}.")}
        plain[group] = structs.replace(getattr(defaults, group), **inner)
    return structs.replace(defaults, **plain)


def _parser(key: str) -> Callable[[object], object]:
    if key in _PARSERS:
        return _PARSERS[key]
    near = get_close_matches(key, _PARSERS, n=1)
    inner = [known for known in _PARSERS if known.startswith(f"{key}.")]
    if inner:
        raise _Wrong(f"holds {' and '.join(inner)}; set these")
    raise _Wrong(f"is unknown; did you mean {near[0]}?" if near else f"is unknown; known are {', '.join(_PARSERS)}")


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        raise _Wrong("must be text")
    return value


def _environment(value: object) -> str:
    if value not in ("development", "production"):
        raise _Wrong(f"is {value!r}; it is development or production")
    return str(value)


def _span(least: float, none: bool = False) -> Callable[[object], float | None]:
    def parse(value: object) -> float | None:
        if none and value in (None, "none"):
            return None
        found = span_s(value)
        if found < least:
            raise _Wrong(f"is {found:g} s; it is at least {least:g} s")
        return found

    return parse


def _count(least: int, most: int, none: bool = False) -> Callable[[object], int | None]:
    def parse(value: object) -> int | None:
        if none and value in (None, "none"):
            return None
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _Wrong(f"is {value!r}; it is a whole number")
        if not least <= value <= most:
            raise _Wrong(f"is {value}; it is {least} to {most}")
        return value

    return parse


_PARSERS: Final[Mapping[str, Callable[[object], object]]] = {
    "url": _text,
    "prefix": _text,
    "environment": _environment,
    "lease": _span(LEASE_MIN_S),
    "poll": _span(0.01),
    "concurrency": _count(1, CONCURRENCY_MAX),
    "data_max": _count(1, DATA_MAX_MAX),
    "keep_completed.count": _count(0, 1 << 53, none=True),
    "keep_completed.age": _span(0, none=True),
    "keep_failed.count": _count(0, 1 << 53, none=True),
    "keep_failed.age": _span(0, none=True),
}
