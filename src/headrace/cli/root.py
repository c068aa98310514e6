"""The tree of commands. Each is imported when it is called, so that a worker does not pay for tables."""

from importlib import import_module
from typing import Any, Final

from cyclopts import App, Group, Parameter

from headrace.cli import VERSION_FLAGS, version
from headrace.cli.help import Columns
from headrace.cli.options import ARGUMENTS, OPTIONS, VERBS

RUN: Final = Group("Run", sort_key=1)
LOOK: Final = Group("Look and act", sort_key=2)
MORE: Final = Group("More", sort_key=3)
HELP: Final = """Headrace: a durable job queue.

Jobs are written QUEUE/ID. Data goes to stdout, messages to stderr.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 69 store unreachable, 78 bad configuration.

Example: headrace dev jobs:app"""

COMMANDS: Final = (
    ("worker", "worker:worker", RUN),
    ("dev", "dev:dev", RUN),
    ("enqueue", "enqueue:enqueue", RUN),
    ("jobs", "jobs:app", LOOK),
    ("queues", "queues:app", LOOK),
    ("stats", "stats:stats", LOOK),
    ("flows", "flows:app", LOOK),
    ("schedules", "schedules:app", LOOK),
    ("workers", "workers:app", LOOK),
    ("locks", "locks:app", LOOK),
    ("doctor", "doctor:doctor", LOOK),
    ("plugins", "plugins:app", MORE),
    ("config", "config:app", MORE),
    ("bench", "bench:bench", MORE),
    ("demo", "demo:demo", MORE),
)


def commands(*, is_overview: bool = False) -> App:
    """The `headrace` command with all that stands below it; for an overview all of it is imported."""
    app = App(
        name="headrace",
        help=HELP,
        help_format="plaintext",
        help_formatter=Columns(),
        version=version,
        version_flags=VERSION_FLAGS,
        group_commands=VERBS,
        group_arguments=ARGUMENTS,
        group_parameters=OPTIONS,
        default_parameter=Parameter(negative=(), show_default=False),
    )
    for flag in ("--help", "--version"):
        app[flag].group = (MORE,)
    for place, (name, path, group) in enumerate(COMMANDS):
        full = f"headrace.cli.{path}"
        if not is_overview:
            app.command(full, name=name)
            continue
        found = _imported(full)
        below = found if isinstance(found, App) else App(name=name, default_command=found)
        below.group, below.sort_key = (group,), place
        app.command(below)
    return app


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
