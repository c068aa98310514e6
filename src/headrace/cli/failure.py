"""How a command ends that could not do what was asked: an exit code, and one sentence."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Final

from headrace.cli.text import clean
from headrace.core.errors import (
    BadConfig,
    BadUrl,
    Denied,
    HeadraceError,
    Misuse,
    NoSuchJob,
    NoSuchQueue,
    SchemaTooNew,
    Unavailable,
)
from headrace.core.orders import NoSuchWorker
from headrace.core.schedule_errors import NoSuchSchedule


class Exit(IntEnum):
    """What a shell learns."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DENIED = 4
    UNREACHABLE = 69
    MISCONFIGURED = 78
    INTERRUPTED = 130


# The first that fits: the special ones stand before their families.
_EXITS: Final[tuple[tuple[type[HeadraceError], Exit], ...]] = (
    (NoSuchJob, Exit.NOT_FOUND),
    (NoSuchQueue, Exit.NOT_FOUND),
    (NoSuchSchedule, Exit.NOT_FOUND),
    (NoSuchWorker, Exit.NOT_FOUND),
    (Denied, Exit.DENIED),
    (Unavailable, Exit.UNREACHABLE),
    (BadConfig, Exit.MISCONFIGURED),
    (BadUrl, Exit.MISCONFIGURED),
    (SchemaTooNew, Exit.MISCONFIGURED),
    (Misuse, Exit.USAGE),
)


class Stop(Exception):
    """The command line itself cannot go on: what is wrong, a stable code for it, and how to exit."""

    def __init__(self, message: str, code: str = "usage", exit: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
        self.exit = exit


def exit_of(error: HeadraceError) -> Exit:
    """The exit code of an error; of a refusal or a failed job it is 1."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)


def complain(message: str, code: str | None = None) -> None:
    """Say on stderr what went wrong."""
    first, line_end, rest = message.partition("\n")
    sentence, colon = (first[:-1], ":") if line_end and first.endswith(":") else (first, "")
    say(f"{sentence} ({code}){colon}{line_end}{rest}" if code else message)


def say(message: str) -> None:
    """A message for people, on stderr; whatever it quotes cannot steer the terminal."""
    # Text and line end in one: worker processes share a stderr, and `print` lets another come between the two.
    sys.stderr.write(f"headrace: {clean(message, lines=True)}\n")
    sys.stderr.flush()


def meant(given: str, known: Iterable[str]) -> str:
    """The end of a sentence: what was probably meant, or what there is."""
    names = sorted(set(known))
    near = get_close_matches(given, names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    some = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"; there is {some}" if names else ""


def unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What `sys.excepthook` calls for an exception of somebody's code: one sentence with the line it came from."""
    if issubclass(kind, KeyboardInterrupt):
        return
    text, place = str(error).partition("\n")[0], "?"
    if isinstance(error, SyntaxError):
        text, place = error.msg, f"{error.filename}, line {error.lineno}"
    elif frames := extract_tb(trace):
        # What is wrong is most often in the code that the command was started beside.
        theirs = [frame for frame in frames if frame.filename.startswith(str(Path.cwd()))]
        last = (theirs or frames)[-1]
        place = f"{last.filename}, line {last.lineno}"
    say(f"{kind.__name__}: {text} [{place}; --debug shows more]")
