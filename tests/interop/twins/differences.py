"""Where two pictures differ, and which differences are meant to be."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from tests.interop.twins.picture import Picture

LIST = Path(__file__).parents[1] / "differences.toml"
NOTHING = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """One place at which BullMQ's database and ours are not the same."""

    key: str
    field: str  # of a hash; a member of a set or list; the name of an event; `order`; or ""
    theirs: str
    ours: str

    def __str__(self) -> str:
        place = f"{self.key} {self.field}".strip()
        return f"  {place}\n    BullMQ:   {self.theirs}\n    Headrace: {self.ours}"


@dataclass(frozen=True)
class Meant:
    """A deliberate difference: whole names and values are matched, as patterns."""

    told: str  # the first cell of its row in docs/internals/redis-layout.md
    reason: str
    key: str
    field: str = ".*"
    theirs: str = ".*"
    ours: str = ".*"
    after: tuple[str, ...] = ()  # operations; none are any

    def covers(self, found: Difference, operation: str) -> bool:
        pairs = (self.key, found.key), (self.field, found.field), (self.theirs, found.theirs), (self.ours, found.ours)
        return (not self.after or operation in self.after) and all(
            re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs
        )


def meant() -> tuple[Meant, ...]:
    listed = tomllib.loads(LIST.read_text()).get("difference", [])
    return tuple(Meant(**{**entry, "after": tuple(entry.get("after", ()))}) for entry in listed)


def compared(theirs: Picture, ours: Picture) -> list[Difference]:
    return [each for key in sorted({*theirs, *ours}) for each in _of_key(key, theirs.get(key), ours.get(key))]


def _of_key(key: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    kind = (theirs or ours)[0]
    if theirs == ours and (kind != "zset" or list(theirs[1]) == list(ours[1])):
        return
    if kind == "stream" and not any(each and each[1] for each in (theirs, ours)):
        return  # nothing was told; that one side has told something before was seen then
    if theirs and ours and theirs[0] != ours[0]:
        yield Difference(key, "", theirs[0], ours[0])
    elif kind in ("hash", "zset"):
        yield from _of_maps(key, theirs[1] if theirs else {}, ours[1] if ours else {})
    elif kind in ("list", "set", "stream"):
        yield from _of_rows(key, theirs[1] if theirs else [], ours[1] if ours else [], kind)
    else:
        yield Difference(key, "", theirs[1] if theirs else NOTHING, ours[1] if ours else NOTHING)


def _of_maps(key: str, theirs: dict[str, str], ours: dict[str, str]) -> Iterator[Difference]:
    if theirs == ours:
        yield Difference(key, "order", " ".join(theirs), " ".join(ours))
    for name in sorted({*theirs, *ours}):
        if theirs.get(name) != ours.get(name):
            yield Difference(key, name, theirs.get(name, NOTHING), ours.get(name, NOTHING))


def _of_rows(key: str, theirs: list[str], ours: list[str], kind: str) -> Iterator[Difference]:
    if Counter(theirs) == Counter(ours):
        yield Difference(key, "order", ", ".join(theirs), ", ".join(ours))
        return
    for _, i1, i2, j1, j2 in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        left, right = theirs[i1:i2], ours[j1:j2]
        if left == right:
            continue
        for row in left:
            yield Difference(key, row.split()[0] if kind == "stream" else row, row, NOTHING)
        for row in right:
            yield Difference(key, row.split()[0] if kind == "stream" else row, NOTHING, row)
