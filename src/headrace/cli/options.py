"""What commands have in common: where the store is, in which form to print, and how their help is grouped."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import App, Group, Parameter

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


PLAIN: Final = Common()
WHERE: Final = Where()
SHOWN: Final = Shown()


def noun(name: str, help: str) -> App:
    """A noun whose verbs are its commands."""
    return App(name=name, help=help, group_commands=VERBS, group_arguments=ARGUMENTS, group_parameters=OPTIONS)
