"""The libraries of functions that the store loads into Redis: the texts of commands, put together with shared pieces.

Of what stands at the left edge of a text, its functions are made once, when the library is loaded, and so is what has a
name in capitals (`K`, the key of a queue, is none); if that looks at ARGV, again whenever a call has another prefix.
All else is done in each call, first that of the pieces, then that of the command. So every function of a library may
call every other, in whatever order they stand. A constant that is a number is written where its name stands.

A library is named after what is in it. Several versions of us stand side by side on one server, each with its own.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

USES: Final = "-- uses: "
FLAGS: Final = "-- flags: "
PACKAGE: Final = "headrace.storage.redis"
TOGETHER: Final[Mapping[str, tuple[str, ...]]] = {
    "work": ("claim", "settle", "turn", "renew", "recover", "beat", "leave", "remove"),
    "look": ("get", "find", "count", "queues"),
}
"""Commands that share a library, and so its pieces. Any other has one of its own. Lua allows 200 names in one."""
AT_ONCE: Final = 15
"""Statements in one function: it may use 60 names from outside."""

_NEAR: Final = "cjson, cmsgpack, math, string, table, ipairs, next, pairs, pcall, tonumber, type, unpack"
"""Globals of Lua that are nearer as locals. Most of them, and `redis.call`, are not there while a library is loaded."""
_HEAD: Final = f"""local function globals() return redis.call, {_NEAR} end
local call, {_NEAR}
local KEYS, ARGV, served
local anew, begins = {{}}, {{}}
local function emptied(t)
t[next(t)] = nil
return next(t) == nil and t or {{}}
end
"""
# What was given may be large, and is dropped at once: the memory of Lua does not count as that of the data.
_CALLED: Final = f"""local function called(run, keys, args)
KEYS, ARGV = keys, args
if not call then call, {_NEAR} = globals() end
if ARGV[1] ~= served then
served = ARGV[1]
for i = 1, #anew do anew[i]() end
end
for i = 1, #begins do begins[i]() end
local answer = run(args, 2)
KEYS, ARGV = nil
return answer
end
"""

_HEADER: Final = re.compile(r"^-- (?:uses|flags): .*\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *--.*\n| +-- .*", re.MULTILINE)
_CLOSER: Final = re.compile(r"(?:end|else|elseif|until|\}|\))\b|[})]")
_FUNCTION: Final = re.compile(r"(?:local )?function (?P<name>[\w.]+)\(")
_LOCAL: Final = re.compile(r"local (?P<names>\w+(?:, \w+)*)(?: = (?P<value>.*))?", re.DOTALL)
_NUMBERS: Final = re.compile(r"\d+(?:, \d+)*")
_CONSTANT: Final = re.compile(r"'[^']*'|[\w.]*[A-Za-z_]\w*")
_CAPITALS: Final = re.compile(r"[A-Z][A-Z_]+(?:, [A-Z][A-Z_]+)*")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_GIVEN: Final = re.compile(r"\b(?:ARGV|KEYS)\b")


class Library(Struct, frozen=True):
    """A library, as Redis gets it."""

    digest: str
    text: str


class Script(Struct, frozen=True):
    """The function of a command, and the library in which it is."""

    name: str
    library: str


class Piece(Struct, frozen=True):
    """A text, taken apart."""

    words: frozenset[str]
    numbers: dict[str, str] = field(default_factory=dict)
    """Constants that are numbers."""
    names: list[str] = field(default_factory=list)
    """What it declares at its left edge."""
    made: list[str] = field(default_factory=list)
    """Constants and functions."""
    prefixed: list[str] = field(default_factory=list)
    """What is made of the prefix."""
    done: list[str] = field(default_factory=list)
    """What is done in each call."""
    changing: list[str] = field(default_factory=list)
    """Names of what is made or done again."""


@cache
def script(command: str) -> Script:
    """The function of a command, by the command's name in snake_case."""
    name = next((name for name, commands in TOGETHER.items() if command in commands), command)
    return Script(f"headrace_{command}_{library(name).digest}", name)


@cache
def library(name: str) -> Library:
    """One of TOGETHER, or that of the command of this name."""
    texts = {command: _read("commands", command) for command in TOGETHER.get(name, (name,))}
    shared: dict[str, Piece] = {}
    seen: set[str] = set()
    for text in texts.values():
        _gather(text, shared, seen)
    commands = {command: _piece(text) for command, text in texts.items()}
    numbers = _numbers(shared.values(), [*shared.values(), *commands.values()])
    body = _library(
        {name: _numbered(piece, numbers) for name, piece in shared.items()},
        {name: _numbered(piece, numbers) for name, piece in commands.items()},
    )
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    functions = "".join(_registered(command, text, digest) for command, text in texts.items())
    return Library(digest, f"#!lua name=headrace_{name}_{digest}\n{body}{functions}")


def _registered(command: str, text: str, digest: str) -> str:
    flags = ", ".join(f"'{flag}'" for flag in _named(text, FLAGS))
    callback = f"function(keys, args) return called(run_{command}, keys, args) end"
    named = f"function_name = 'headrace_{command}_{digest}'"
    return f"redis.register_function{{ {named}, flags = {{ {flags} }}, callback = {callback} }}\n"


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


def _numbers(shared: Collection[Piece], parts: Collection[Piece]) -> dict[str, str]:
    """The numbers that pieces declare for others, by name."""
    declared = Counter(name for piece in shared for name in {*piece.names, *piece.numbers})
    asked = {name for part in parts for name in part.words.difference(part.names, part.numbers)}
    numbers = {name: number for piece in shared for name, number in piece.numbers.items() if name in asked}
    unclear = {name for name in numbers if declared[name] > 1}
    assert not unclear, f"two texts declare {unclear}"
    return numbers


def _numbered(piece: Piece, numbers: Mapping[str, str]) -> Piece:
    """The same with numbers instead of the names of constants; those of its own come first."""
    known = {name: number for name, number in numbers.items() if name not in piece.names} | piece.numbers

    def number(match: re.Match[str]) -> str:
        return known.get(match[0], match[0])

    made, prefixed, done = (
        [_CONSTANT.sub(number, each) for each in part] for part in (piece.made, piece.prefixed, piece.done)
    )
    return replace(piece, made=made, prefixed=prefixed, done=done)


def _library(shared: dict[str, Piece], commands: dict[str, Piece]) -> str:
    """Pieces and commands, each in a block of its own; what others use of a piece is declared before them all.

    A function may have 200 names, and a command has many of its own, so these stand in another.
    """
    parts = [*shared.values(), *commands.values()]
    outside = [f"run_{name}" for name in commands]
    blocks: list[str] = []
    for piece in shared.values():
        used = frozenset().union(*(each.words for each in parts if each is not piece), piece.changing)
        outside += [name for name in piece.names if name in used]
        blocks.append(_block([name for name in piece.names if name not in used], piece, ""))
    for name, piece in commands.items():
        run = f"function run_{name}(ARGV, before, is_turn)\n{_lines(piece.done)}end\n"
        blocks.append(f"do\nlocal function block()\n{_block(piece.names, piece, run)}end\nblock()\nend\n")
    twice = {name for name in outside if outside.count(name) > 1}
    assert not twice, f"two texts declare {twice}"
    kept = _kept("anew", [each for piece in shared.values() for each in piece.prefixed])
    kept += _kept("begins", [each for piece in shared.values() for each in piece.done])
    return f"{_HEAD}local {', '.join(outside)}\n{''.join(blocks)}{kept}{_CALLED}"


def _kept(where: str, statements: list[str]) -> str:
    """A list of functions that do this."""
    parts = [statements[first : first + AT_ONCE] for first in range(0, len(statements), AT_ONCE)]
    return "".join(f"{where}[#{where} + 1] = function()\n{_lines(part)}end\n" for part in parts)


def _block(inside: list[str], piece: Piece, last: str) -> str:
    declared = f"local {', '.join(inside)}\n" if inside else ""
    return f"do\n{declared}{_lines(piece.made)}{last}end\n"


def _lines(statements: list[str]) -> str:
    return "".join(f"{statement}\n" for statement in statements)


def _piece(text: str) -> Piece:
    bare = _COMMENT.sub("", _HEADER.sub("", text))
    piece = Piece(frozenset(_WORD.findall(bare)))
    for statement in _statements(bare):
        if function := _FUNCTION.match(statement):
            if "." not in function["name"]:
                piece.names.append(function["name"])
            piece.made.append(statement.removeprefix("local "))
        elif local := _LOCAL.match(statement):
            _declare(piece, local["names"], local["value"] or "nil")
        else:
            piece.done.append(statement)
    return piece


def _declare(piece: Piece, names: str, value: str) -> None:
    statement = f"{names} = {value}"
    is_constant, is_given = _CAPITALS.fullmatch(names), _GIVEN.search(value)
    if is_constant and _NUMBERS.fullmatch(value):
        piece.numbers.update(zip(names.split(", "), value.split(", "), strict=True))
        return
    piece.names.extend(names.split(", "))
    if not is_constant or is_given:
        piece.changing.extend(names.split(", "))
    if is_constant:
        (piece.prefixed if is_given else piece.made).append(statement)
    elif value == "{}":
        piece.made.append(statement)
        piece.done.append(f"if next({names}) ~= nil then {names} = emptied({names}) end")  # spares a new one
    else:
        piece.done.append(statement)


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
    text = (resources.files(PACKAGE) / folder / f"{name}.lua").read_text(encoding="utf-8")
    return text.replace("redis.call(", "call(")
