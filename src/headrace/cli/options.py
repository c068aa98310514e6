"""What commands have in common: where the store is, in which form to print, and how their help is grouped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from cyclopts import App, Group, Parameter, Token

from headrace.cli.failure import Stop
from headrace.core.settings import span_s

VERBS: Final = Group("Commands", sort_key=1)
ARGUMENTS: Final = Group("Arguments", sort_key=1)
OPTIONS: Final = Group("Options", sort_key=2)
COMMON: Final = Group("Common options", sort_key=90)

_URL: Final = "The store, if not that of HEADRACE_URL or headrace.toml."


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """What every command takes."""

    debug: Annotated[bool, Parameter(group=COMMON, help="Show the traceback of an error.")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Where(Common):
    """Where the store is."""

    url: Annotated[str | None, Parameter(group=COMMON, metavar="URL", help=_URL)] = None


@Parameter(name="*")
@dataclass(frozen=True)
class Shown(Where):
    """Where the store is, and how to print what it says."""

    json: Annotated[bool, Parameter(group=COMMON, help="Print JSON.")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Sure(Shown):
    """The same for what cannot be undone."""

    yes: Annotated[bool, Parameter(help="Do not ask whether it is meant.")] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Sweeping(Sure):
    """The same for what may be done to many jobs."""

    dry_run: Annotated[bool, Parameter(help="Only count the jobs that fit the query.")] = False


PLAIN: Final = Common()
WHERE: Final = Where()
SHOWN: Final = Shown()
SURE: Final = Sure()
SWEEPING: Final = Sweeping()


QueueName: TypeAlias = Annotated[str, Parameter(name="QUEUE", help="Its name.")]


def seconds(option: str, text: str) -> float:
    """A span of time as it is written on a command line."""
    try:
        return span_s(text)
    except ValueError as error:
        raise Stop(f"{option} {text!r} {error}") from None


def whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number; of itself cyclopts rounds 1.5."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number.") from None


def noun(name: str, help: str) -> App:
    """A noun whose verbs are its commands."""
    return App(name=name, help=help, group_commands=VERBS, group_arguments=ARGUMENTS, group_parameters=OPTIONS)
