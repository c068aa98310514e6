"""The libraries of functions that the store loads into Redis: one a command, put together with the shared pieces.

What a text makes at its left edge is made once, when the library is loaded: its functions, and what is written in
capitals and does not look at ARGV. All else that stands there is done anew in each call, first that of the pieces, then
that of the command. So every function of a library may call every other, in whatever order they stand.

A library is named after what is in it. Several versions of us stand side by side on one server, each with its own.
"""

import hashlib
import re
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

USES: Final = "-- uses: "
RUNS: Final = "-- runs: "
FLAGS: Final = "-- flags: "
PACKAGE: Final = "headrace.storage.redis"

_HEADER: Final = re.compile(r"^-- (?:uses|runs|flags): .*\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *--.*\n", re.MULTILINE)
_CLOSER: Final = re.compile(r"(?:end|else|elseif|until|\}|\))\b|[})]")
_FUNCTION: Final = re.compile(r"(?:local )?function (?P<name>[\w.]+)\(")
_LOCAL: Final = re.compile(r"local (?P<names>\w+(?:, \w+)*)(?P<value> = (?P<of>.*))?", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_GIVEN: Final = re.compile(r"\b(?:ARGV|KEYS)\b")


class Script(Struct, frozen=True):
    """A library of one function, both of this name, as Redis gets it."""

    name: str
    text: str


class Piece(Struct, frozen=True):
    """A text, taken apart."""

    names: list[str]
    """What it declares at its left edge."""
    made: list[str]
    """Constants and functions."""
    done: list[str]
    """What is done in each call."""
    words: frozenset[str]


@cache
def script(command: str) -> Script:
    """The library of a command, by the command's name in snake_case."""
    own = _read("commands", command)
    runs = [*_named(own, RUNS), command]
    shared: dict[str, Piece] = {}
    seen: set[str] = set()
    for name in runs:
        _gather(_read("commands", name), shared, seen)
    text = _library(shared, {name: _piece(_read("commands", name)) for name in runs})
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = f"headrace_{command}_{digest}"
    flags = ", ".join(f"'{flag}'" for flag in _named(own, FLAGS))
    register = (
        f"redis.register_function{{ function_name = '{name}', flags = {{ {flags} }}, callback = function(keys, args)\n"
        f"KEYS, ARGV = keys, args\nfor i = 1, #begins do begins[i]() end\nreturn run_{command}(args)\nend }}\n"
    )
    return Script(name, f"#!lua name={name}\n{text}{register}")


def _gather(text: str, found: dict[str, Piece], seen: set[str]) -> None:
    """The pieces that a text uses, each once and, where they form no ring, after those that it uses itself."""
    for name in _named(text, USES):
        if name not in seen:
            seen.add(name)
            piece = _read("shared", name)
            _gather(piece, found, seen)
            found[name] = _piece(piece)


def _named(text: str, mark: str) -> list[str]:
    lines = [line for line in text.splitlines()[:3] if line.startswith(mark)]
    return " ".join(lines).removeprefix(mark).split()


def _library(shared: dict[str, Piece], commands: dict[str, Piece]) -> str:
    """Pieces and commands, each in a block of its own; what others use of a piece is declared before them all."""
    parts = [*shared.values(), *commands.values()]
    outside = [f"run_{name}" for name in commands]
    blocks: list[str] = []
    for piece in shared.values():
        used = frozenset().union(*(each.words for each in parts if each is not piece))
        outside += [name for name in piece.names if name in used]
        begin = f"begins[#begins + 1] = function()\n{_lines(piece.done)}end\n" if piece.done else ""
        blocks.append(_block([name for name in piece.names if name not in used], piece, begin))
    for name, piece in commands.items():
        blocks.append(_block(piece.names, piece, f"function run_{name}(ARGV)\n{_lines(piece.done)}end\n"))
    twice = {name for name in outside if outside.count(name) > 1}
    assert not twice, f"two texts declare {twice}"
    return f"local KEYS, ARGV\nlocal begins = {{}}\nlocal {', '.join(outside)}\n{''.join(blocks)}"


def _block(inside: list[str], piece: Piece, last: str) -> str:
    declared = f"local {', '.join(inside)}\n" if inside else ""
    return f"do\n{declared}{_lines(piece.made)}{last}end\n"


def _lines(statements: list[str]) -> str:
    return "".join(f"{statement}\n" for statement in statements)


def _piece(text: str) -> Piece:
    names: list[str] = []
    made: list[str] = []
    done: list[str] = []
    bare = _COMMENT.sub("", _HEADER.sub("", text))
    for statement in _statements(bare):
        if function := _FUNCTION.match(statement):
            if "." not in function["name"]:
                names.append(function["name"])
            made.append(statement.removeprefix("local "))
        elif local := _LOCAL.match(statement):
            names += local["names"].split(", ")
            is_constant = local["names"].isupper() and not _GIVEN.search(statement)
            (made if is_constant else done).append(f"{local['names']} = {local['of'] or 'nil'}")
        else:
            done.append(statement)
    return Piece(names, made, done, frozenset(_WORD.findall(bare)))


def _statements(text: str) -> list[str]:
    """What begins at the left edge, with the lines that belong to it."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.startswith(" ") or _CLOSER.match(line):
            found[-1].append(line)
        else:
            found.append([line])
    return ["\n".join(lines) for lines in found]


@cache
def _read(folder: str, name: str) -> str:
    return (resources.files(PACKAGE) / folder / f"{name}.lua").read_text(encoding="utf-8")
