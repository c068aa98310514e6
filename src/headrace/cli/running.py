"""From a command line to an exit code: parse, call, and turn every error into one sentence."""

import io
import os
import sys
from collections.abc import Sequence
from inspect import iscoroutine
from traceback import print_exception

from cyclopts import CycloptsError, UnusedCliTokensError

from headrace.cli.failure import Exit, Stop, complain, exit_of, unexpected
from headrace.cli.root import commands
from headrace.core.errors import HeadraceError
from headrace.engine import loop


def run(tokens: Sequence[str], *, is_process: bool) -> int:
    """Run these tokens. In a process of our own, exceptions of others end in a sentence too."""
    is_debug = "--debug" in tokens
    if is_process and not is_debug:
        sys.excepthook = unexpected
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Unicode is no reason to fail
    try:
        return _call(tokens)
    except HeadraceError as error:
        _explain(error, is_debug)
        return exit_of(error)
    except Stop as stop:
        complain(str(stop), stop.code)
        return stop.exit
    except CycloptsError as error:
        complain(f"{_sentence(error)} See --help.", "usage")
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK


def _call(tokens: Sequence[str]) -> int:
    tree = commands(is_overview=not tokens or tokens[0].startswith("-"))
    command, bound, _ = tree.parse_args(list(tokens), exit_on_error=False, print_error=False)
    answer = command(*bound.args, **bound.kwargs)
    if iscoroutine(answer):
        answer = loop.run(answer)
    sys.stdout.flush()
    return int(answer or 0)


def _explain(error: HeadraceError, is_debug: bool) -> None:
    if is_debug:
        print_exception(error)
    complain(str(error), error.code)


def _sentence(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"too many arguments: {' '.join(error.unused_tokens or ())}."
    return str(error).strip()
