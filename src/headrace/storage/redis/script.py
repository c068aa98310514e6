"""The Lua texts: one a command, put together with the shared pieces that its first line names, and their hashes."""

import hashlib
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

USES: Final = "-- uses: "
PACKAGE: Final = "headrace.storage.redis"


class Script(Struct, frozen=True):
    """A text as Redis gets it, and the hash by which it is called."""

    name: str
    text: str
    sha: str


@cache
def script(command: str) -> Script:
    """The script of a command, by the command's name in snake_case."""
    text = "\n".join([*_pieces(_read("commands", command), []), _read("commands", command)])
    return Script(command, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


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
