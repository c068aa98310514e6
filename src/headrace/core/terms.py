"""The terms of a query: what each asks of a job. The text of a term can be parsed again."""

import re
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from headrace.core.jobs import State

Pattern: TypeAlias = tuple[str, ...]
"""The texts between the stars: `("send", "")` is `send*`, `("send",)` is exactly `send`."""

Sign: TypeAlias = Literal["=", "<", "<=", ">", ">="]
TextField: TypeAlias = Literal["queue", "name", "id", "error"]
NumberField: TypeAlias = Literal["priority", "attempts", "age"]
TEXTS: Final[tuple[TextField, ...]] = get_args(TextField)
NUMBERS: Final[tuple[NumberField, ...]] = get_args(NumberField)
_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}

_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,2})?", re.ASCII)
_BARE: Final = re.compile(r"[^\s\"\\*<>=][^\s\"\\*]*")  # a value that reads the same without quotes
_KEY: Final = re.compile(r"[\w-]+")


class States(Struct, frozen=True, tag="state"):
    """`state:failed`, `state:waiting,delayed`: the job is in one of these states."""

    states: tuple[State, ...]
    is_negated: bool = False

    def __str__(self) -> str:
        return f"{_minus(self.is_negated)}state:{','.join(self.states)}"


class Text(Struct, frozen=True, tag="text"):
    """`name:send*`: a text of the job is like the pattern.

    `error` looks at the kind, the cause and the reason of the job's failure; the pattern may stand anywhere in one of
    them, and capital letters of ASCII count as small ones.
    """

    field: TextField
    pattern: Pattern
    is_negated: bool = False

    def __str__(self) -> str:
        return f"{_minus(self.is_negated)}{self.field}:{_shown(self.pattern)}"


class Number(Struct, frozen=True, tag="number"):
    """`priority:<5`: a number of the job compares so.

    `attempts` are those made. `age` is in milliseconds, since the job finished, or if it has not, since it was added.
    """

    field: NumberField
    sign: Sign
    value: int
    is_negated: bool = False

    def __str__(self) -> str:
        value = _age(self.value) if self.field == "age" else str(self.value)
        return f"{_minus(self.is_negated)}{self.field}:{self.sign.removeprefix('=')}{value}"


class Data(Struct, frozen=True, tag="data"):
    """`data.user.id:42`, `data.items[0]:x`: what the job's data has at this path of keys and indices is so.

    Texts compare with the pattern; true, false, null and numbers with what the pattern says as JSON. With another sign
    than `=` only numbers fit. What is not there, a list, and an object fit nothing.
    """

    path: tuple[str | int, ...]
    sign: Sign
    pattern: Pattern
    is_negated: bool = False

    @property
    def number(self) -> int | float | None:
        """The pattern as a number, if it is one in JSON."""
        text = self.pattern[0]
        if len(self.pattern) > 1 or not _JSON_NUMBER.fullmatch(text):
            return None
        return as_stored(int(text)) if re.fullmatch(r"-?\d+", text) else float(text)

    def __str__(self) -> str:
        path = "".join(f"[{key}]" if isinstance(key, int) else f".{_key(key)}" for key in self.path)
        return f"{_minus(self.is_negated)}data{path}:{self.sign.removeprefix('=')}{_shown(self.pattern)}"


Term: TypeAlias = States | Text | Number | Data


def fits(pattern: Pattern, text: str) -> bool:
    """Whether a text is like a pattern. A text counts up to its first NUL, where SQL ends it."""
    text = text.partition("\0")[0]
    first, *middle = pattern
    if not middle:
        return text == first
    last = middle.pop()
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    start, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, start, end)
        if at < 0:
            return False
        start = at + len(part)
    return True


def compares(found: float, sign: Sign, wanted: float) -> bool:
    """Whether the one number stands so to the other."""
    return "<=>"[1 + (found > wanted) - (found < wanted)] in sign


def as_stored(number: int) -> int | float:
    """An integer as SQL knows it: beyond 64 bits it is a float."""
    return number if -(1 << 63) <= number < 1 << 63 else float(number)


def small(text: str) -> str:
    """The text with small letters for the capital ones of ASCII."""
    return text.translate(_SMALL)


_SMALL: Final = {ord(sign): sign.lower() for sign in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _minus(is_negated: bool) -> str:
    return "-" if is_negated else ""


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else quoted(key)


def _shown(pattern: Pattern) -> str:
    is_plain = len(pattern) == 1 and not pattern[0]
    return '""' if is_plain else "*".join(part if _BARE.fullmatch(part) else part and quoted(part) for part in pattern)


def quoted(text: str) -> str:
    """The text in quotes, in which every sign stands for itself."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _age(ms: int) -> str:
    for unit, size in _UNITS.items():
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms // 1000}.{ms % 1000:03d}s"
