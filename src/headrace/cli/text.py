"""Text for people. Names and data of jobs are strangers' text: what could steer a terminal is shown, not sent."""

import re
from datetime import UTC, datetime
from typing import Final

# C0, DEL and C1 steer terminals; the others turn lines around, or are no characters at all.
_STEERING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


def clean(text: str, *, lines: bool = False) -> str:
    """Text without anything that steers a terminal; with `lines`, line ends and tabs stay."""
    return _STEERING.sub(lambda found: _shown(found[0], lines), text)


def clean_json(text: str) -> str:
    """JSON text in which what steers a terminal is written as JSON writes it; the value stays the same."""
    return _STEERING.sub(lambda found: found[0] if found[0] in "\n\t" else f"\\u{ord(found[0]):04x}", text)


def clipped(text: str, most: int) -> str:
    """The beginning of a text, with a sign if there was more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def instant(at: int | None) -> str:
    """An instant in milliseconds as people write it, in UTC; a dash for none."""
    if at is None:
        return "-"
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(ms: int) -> str:
    """A span in its largest unit: `3d`, `12m`, `250ms`."""
    for size, unit in _UNITS:
        if ms >= size:
            return f"{ms // size}{unit}"
    return f"{max(ms, 0)}ms"


def _shown(sign: str, lines: bool) -> str:
    if lines and sign in "\n\t":
        return sign
    return _SHORT.get(sign) or (f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}")
