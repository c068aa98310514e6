"""How a job is to be run, as users say it: options checked when made, unknown ones refused with a suggestion."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias, TypedDict, get_args

from msgspec import Struct, structs

from headrace.backoff import BackoffLike, Pauses
from headrace.core.backoff import DELAY_MAX_MS
from headrace.core.errors import InvalidOption
from headrace.core.jobs import ATTEMPTS_MAX, POLICIES, PRIORITY_MAX, Options, Policy, Siblings
from headrace.core.names import check_id
from headrace.dedup import Dedup
from headrace.spans import Keep, Span, count_of, span_ms

TIMEOUT_MIN_MS: Final = 1
TIMEOUT_MAX_MS: Final = 30 * 24 * 3600 * 1000
STALLED_MAX: Final = 1_000
EXPIRES_MIN_MS: Final = 1

SIBLINGS: Final[tuple[Siblings, ...]] = get_args(Siblings)

IfFailed: TypeAlias = Policy


class RunOptions(TypedDict, total=False):
    """What both a task and a call can say."""

    delay: Span
    priority: int
    attempts: int
    backoff: BackoffLike | None
    timeout: Span | None
    max_stalled: int
    lifo: bool
    keep_completed: Keep | None
    keep_failed: Keep | None
    expires: Span | None


class CallOptions(RunOptions, total=False):
    """What a single call can say beside."""

    job_id: str | None
    if_failed: IfFailed | None
    dedup: Dedup | None


class Choice(Struct, frozen=True):
    """Checked options, as they go into a new job."""

    delay_ms: int = 0
    priority: int = 0
    job_id: str | None = None
    if_failed: IfFailed | None = None
    options: Options = Options()

    def changed(self, given: Mapping[str, Any], pauses: Pauses, known: Iterable[str]) -> "Choice":
        """These options with the given ones in place: `InvalidOption` for the first that is not right."""
        own: dict[str, Any] = {}
        inner: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise unknown_option(name, known)
            place, parse = _PARSERS[name]
            (own if place in _OWN else inner)[place] = parse(name, value, pauses)
        options = structs.replace(self.options, **inner) if inner else self.options
        changed = structs.replace(self, **own, options=options)
        if options.expires_ms is not None and options.expires_ms <= changed.delay_ms:
            raise InvalidOption(
                f"expires is {options.expires_ms / 1000:g} s and delay {changed.delay_ms / 1000:g} s: the job would"
                " expire before it may run; let it expire later"
            )
        return changed

    def with_siblings(self, on_sibling_failure: Siblings | None) -> "Choice":
        """These options, and what becomes of the other children when one has failed the job; None changes nothing."""
        if on_sibling_failure is None:
            return self
        if on_sibling_failure not in SIBLINGS:
            raise InvalidOption(f"on_sibling_failure is {on_sibling_failure!r}; it is {' or '.join(SIBLINGS)}")
        return structs.replace(self, options=structs.replace(self.options, siblings=on_sibling_failure))


def unknown_option(name: str, known: Iterable[str]) -> InvalidOption:
    """The error for an option that nobody knows, with the nearest one that is known."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return InvalidOption(f"unknown option {name!r}; {hint}", option=name)


def check_if_failed(name: str, value: Any, _: object = None) -> IfFailed | None:
    """What a child's failure does to its parent."""
    if value is not None and value not in POLICIES:
        near = get_close_matches(str(value), POLICIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it is {', '.join(POLICIES[:-1])} or {POLICIES[-1]}"
        raise InvalidOption(f"{name} is {value!r}; {hint}")
    return value  # type: ignore[no-any-return]


_Parse: TypeAlias = Callable[[str, Any, Pauses], Any]


def _timeout(name: str, value: Any, _: Pauses) -> int | None:
    return None if value is None else span_ms(name, value, TIMEOUT_MAX_MS, TIMEOUT_MIN_MS)


def _expires(name: str, value: Any, _: Pauses) -> int | None:
    return None if value is None else span_ms(name, value, DELAY_MAX_MS, EXPIRES_MIN_MS)


def _keep(name: str, value: Any, _: Pauses) -> Any:
    if value is not None and not isinstance(value, Keep):
        raise InvalidOption(f"{name} is {type(value).__name__}; use headrace.Keep(count=…, age=…)")
    return value and value.stored()


def _dedup(name: str, value: Any, _: Pauses) -> Any:
    if value is not None and not isinstance(value, Dedup):
        raise InvalidOption(f"{name} is {type(value).__name__}; use headrace.Dedup(key, …)")
    return value and value.stored()


def flag_of(name: str, value: object) -> bool:
    """True or False; `InvalidOption` for anything else."""
    if not isinstance(value, bool):
        raise InvalidOption(f"{name} is {type(value).__name__}; it is True or False")
    return value


_PARSERS: Final[Mapping[str, tuple[str, _Parse]]] = {
    "delay": ("delay_ms", lambda name, value, _: span_ms(name, value, DELAY_MAX_MS)),
    "priority": ("priority", lambda name, value, _: count_of(name, value, 0, PRIORITY_MAX)),
    "job_id": ("job_id", lambda _, value, __: None if value is None else check_id(value)),
    "if_failed": ("if_failed", check_if_failed),
    "attempts": ("attempts", lambda name, value, _: count_of(name, value, 1, ATTEMPTS_MAX)),
    "backoff": ("backoff", lambda _, value, pauses: pauses.stored(value)),
    "timeout": ("timeout_ms", _timeout),
    "max_stalled": ("max_stalled", lambda name, value, _: count_of(name, value, 0, STALLED_MAX)),
    "lifo": ("lifo", lambda name, value, _: flag_of(name, value)),
    "keep_completed": ("keep_completed", _keep),
    "keep_failed": ("keep_failed", _keep),
    "dedup": ("dedup", _dedup),
    "expires": ("expires_ms", _expires),
}
_OWN: Final = frozenset({"delay_ms", "priority", "job_id", "if_failed"})

RUN_OPTIONS: Final = tuple(name for name in _PARSERS if name not in ("job_id", "if_failed", "dedup"))
CALL_OPTIONS: Final = tuple(_PARSERS)
