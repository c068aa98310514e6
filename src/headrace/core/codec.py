"""JSON in and out, with limits. Data from outside is never executed: it is text, numbers, lists and objects."""

import math
from typing import Any, Final, TypeVar

import msgspec

from headrace.core.errors import NotSerialisable, TooDeep, TooLarge

DATA_MAX: Final = 1 << 20  # bytes of a job's data, a result, a message
DEPTH_MAX: Final = 64

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder()


def encode(value: object, what: str = "the value", limit: int = DATA_MAX) -> str:
    """A value as JSON text of at most `limit` bytes: `NotSerialisable`, `TooLarge`, `TooDeep` otherwise.

    Not a number and the infinities have no JSON and are refused; msgspec would write null.
    """
    if value is None:
        return "null"
    try:
        raw = _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise NotSerialisable(what=what, problem=str(error) or type(error).__name__) from None
    if b"null" in raw and _has_non_finite(value):
        raise NotSerialisable(what=what, problem="it contains NaN or an infinity; use None or text instead")
    return check_text(raw, what, limit)


def check_text(raw: bytes, what: str = "the value", limit: int = DATA_MAX) -> str:
    """JSON bytes as text, if they are within the limits of size and depth. Whether it is JSON is not checked."""
    if len(raw) > limit:
        raise TooLarge(what=what, size=len(raw), limit=limit)
    # A short text, or one with few brackets, cannot nest deeply: nearly every value is spared the walk.
    if len(raw) > 2 * DEPTH_MAX and raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _depth(raw) > DEPTH_MAX:
        raise TooDeep(what=what, limit=DEPTH_MAX)
    return raw.decode()


def decode(text: str | bytes) -> Any:
    """The value of JSON text."""
    return msgspec.json.decode(text)


def convert(value: object, kind: type[T]) -> T:
    """A value of builtin types as one of `kind`."""
    return msgspec.convert(value, kind)


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    is_text = is_escaped = False
    for byte in raw:
        if is_escaped:
            is_escaped = False
        elif is_text:
            is_escaped = byte == 0x5C
            is_text = byte != 0x22
        elif byte == 0x22:
            is_text = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _has_non_finite(value: object) -> bool:
    def refuse(_: object) -> None:
        return None

    builtins = msgspec.to_builtins(value, enc_hook=refuse)
    stack: list[object] = [builtins]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return True
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return False
