"""The Lua texts: one a command, put together with the shared pieces that its first lines name, and their hashes.

One text runs others, each as a function of its ARGV. Lua allows 200 names in one block. So a shared piece stands in a
block of its own, and only those of its names are declared outside that a later text has, too.
"""

import hashlib
import re
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

USES: Final = "-- uses: "
RARELY: Final = "-- rarely: "
RUNS: Final = "-- runs: "
PACKAGE: Final = "headrace.storage.redis"

_LOCAL: Final = re.compile(r"^local (?P<function>function )?(?P<names>\w+(?:, \w+)*)(?P<end>\(| =)?", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_ASKED: Final = re.compile(r"\brarely\('(\w+)'\)")


class Script(Struct, frozen=True):
    """A text as Redis gets it, and the hash by which it is called."""

    name: str
    text: str
    sha: str


@cache
def script(command: str) -> Script:
    """The script of a command, by the command's name in snake_case."""
    own = _read("commands", command)
    parts = [_read("commands", name) for name in _named(own, RUNS)] or [own]
    pieces: list[str] = []
    for part in parts:
        _pieces(part, USES, pieces)
    text = rare = _rare([*pieces, *parts], pieces)
    for name in _named(own, RUNS):
        text += f"local function {name}(ARGV)\n{_read('commands', name)}\nend\n"
    text += own
    text = _behind(pieces, text)
    text = f"local rarely\n{text}" if rare else text
    return Script(command, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _pieces(text: str, mark: str, found: list[str]) -> list[str]:
    """The shared texts that the line of `text` with this mark names, each once and after those that it needs itself."""
    for name in _named(text, mark):
        piece = _read("shared", name)
        _pieces(piece, USES, found)
        if piece not in found:
            found.append(piece)
    return found


def _named(text: str, mark: str) -> list[str]:
    lines = [line for line in text.splitlines()[:2] if line.startswith(mark)]
    return " ".join(lines).removeprefix(mark).split()


def _rare(texts: list[str], there: list[str]) -> str:
    """The function `rarely`, if a text asks it: around the pieces that are named so and not there anyhow."""
    known, asking = list(there), list(texts)
    for text in asking:  # what is found may name more
        before = len(known)
        _pieces(text, RARELY, known)
        asking += known[before:]
    found = known[len(there) :]
    names = dict.fromkeys(name for text in asking for name in _ASKED.findall(text))
    body = f"rare = {{ {', '.join(f'{name} = {name}' for name in names)} }}"
    body = _behind(found, body)
    return _read("shared", "rarely").replace("--[[rare]]", body) if names else ""


def _behind(pieces: list[str], text: str) -> str:
    """A text behind the shared ones, each of them in its block."""
    used = set(_words(text))
    for piece in reversed(pieces):
        text = f"{_enclosed(piece, used)}\n{text}"
        used |= _words(piece)
    return text


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_COMMENT.sub("", text)))


def _enclosed(piece: str, used: set[str]) -> str:
    """A shared text in its block, after a declaration of what is used outside."""
    outside = list[str]()

    def declared(found: re.Match[str]) -> str:
        names = found["names"].split(", ")
        if used.isdisjoint(names):
            return found[0]
        outside.extend(names)
        return f"{found['function'] or ''}{found['names']}{found['end'] or ' = nil'}"

    text = _LOCAL.sub(declared, piece)
    return f"local {', '.join(outside)}\ndo\n{text}\nend" if outside else f"do\n{text}\nend"


@cache
def _read(folder: str, name: str) -> str:
    return (resources.files(PACKAGE) / folder / f"{name}.lua").read_text(encoding="utf-8")
