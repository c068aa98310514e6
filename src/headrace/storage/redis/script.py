"""The Lua texts: one a command, put together with the shared pieces that its first lines name, and their hashes."""

import hashlib
import re
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

USES: Final = "-- uses: "
RARELY: Final = "-- rarely: "
PACKAGE: Final = "headrace.storage.redis"
_FUNCTION: Final = re.compile(r"^local function (\w+)", re.MULTILINE)


class Script(Struct, frozen=True):
    """A text as Redis gets it, and the hash by which it is called."""

    name: str
    text: str
    sha: str


@cache
def script(command: str) -> Script:
    """The script of a command, by the command's name in snake_case."""
    own = _read("commands", command)
    usual = _pieces(own, [])
    text = "\n".join([*usual, *_rare(own, usual), own])
    return Script(command, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _rare(text: str, usual: list[str]) -> list[str]:
    """The piece `rarely`, with what the second line of `text` names and is not there yet."""
    second = text.splitlines()[1]
    if not second.startswith(RARELY):
        return []
    found = _pieces(second.replace(RARELY, USES), list(usual))[len(usual) :]
    names = ", ".join(f"{name} = {name}" for piece in found for name in _FUNCTION.findall(piece))
    whole = _read("shared", "rarely")
    return [whole.replace("--[[pieces]]", "\n".join(found)).replace("--[[names]]", names)]


def _pieces(text: str, found: list[str]) -> list[str]:
    """The shared texts that `text` needs, each once and after those that it needs itself."""
    head = text.partition("\n")[0]
    for name in head.removeprefix(USES).split() if head.startswith(USES) else ():
        piece = _read("shared", name)
        _pieces(piece, found)
        if piece not in found:
            found.append(piece)
    return found


@cache
def _read(folder: str, name: str) -> str:
    return (resources.files(PACKAGE) / folder / f"{name}.lua").read_text(encoding="utf-8")
