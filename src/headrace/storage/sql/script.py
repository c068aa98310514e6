"""SQL lives in files: lists of named steps. A line of one dialect ends with `--[sqlite]` or `--[postgres]`."""

import re
from functools import cache
from importlib.resources import files
from types import SimpleNamespace
from typing import Final

_STEP: Final = re.compile(r"^-- step: (\w+).*$", re.MULTILINE)
_TAG: Final = re.compile(r"--\[(\w+)\]\s*$")


class Script(SimpleNamespace):
    """The steps of one file, an attribute a step."""

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"the script has no step {name!r}")


@cache
def load(stem: str, dialect: str = "sqlite") -> Script:
    """The steps of `commands/<stem>.sql`, or of `<stem>.<dialect>.sql` where a dialect has its own text.

    What several commands use stands in `shared/`.
    """
    room = files("headrace.storage.sql")
    names = (f"{stem}.{dialect}.sql", f"{stem}.sql")
    places = [room / folder / name for folder in ("commands", "shared") for name in names]
    text = next(place for place in places if place.is_file()).read_text("utf-8")
    parts = _STEP.split(_only(dialect, text))
    return Script(**{name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)})


def schemas(dialect: str) -> list[tuple[int, str]]:
    """The numbered schema files of a dialect, in order."""
    folder = files("headrace.storage.sql") / "schema"
    found = [(int(entry.name[:4]), entry) for entry in folder.iterdir() if entry.name.endswith(f".{dialect}.sql")]
    return [(number, entry.read_text("utf-8")) for number, entry in sorted(found, key=lambda pair: pair[0])]


def _only(dialect: str, text: str) -> str:
    lines = []
    for line in text.splitlines():
        tag = _TAG.search(line)
        if tag is None:
            lines.append(line)
        elif tag[1] == dialect:
            lines.append(line[: tag.start()])
    return "\n".join(lines)
