"""Whole numbers on the command line: what is none is refused, and not rounded."""

from collections.abc import Callable

import pytest

from headrace.cli.root import commands
from tests.cli.project import Ended, Project
from tests.cli.test_help import COMMANDS

Call = Callable[..., Ended]


@pytest.mark.parametrize(
    "tokens",
    [
        ("worker", "jobs:app", "-c"),
        ("worker", "jobs:app", "--processes"),
        ("enqueue", "jobs:app", "greet", "--priority"),
        ("jobs", "list", "--limit"),
        ("jobs", "set", "mail/1", "--priority"),
        ("queues", "clean", "mail", "failed", "--limit"),
        ("queues", "retain", "mail", "--completed-count"),
        ("queues", "retain", "mail", "--failed-count"),
        ("schedules", "next", "nightly", "-n"),
        ("workers", "set", "--all", "-c"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("number", ["1.5", "x", "0x10"])
def test_what_is_no_whole_number_is_refused(call: Call, project: Project, tokens: tuple[str, ...], number: str) -> None:
    project.add()
    done = call(*tokens, number)
    assert (done.code, done.out) == (2, "")
    assert f"Invalid value for {tokens[-1]}: {number!r} is no whole number." in done.err


def test_no_option_leaves_its_number_to_be_rounded() -> None:
    rounded, checked = list[tuple[str, ...]](), 0
    for command in COMMANDS:
        app = commands(is_overview=True)
        for name in command:
            app = app[name]
        numbers = [one for one in app.assemble_argument_collection() if one.hint is int and one.show]
        checked += len(numbers)
        rounded += [(*command, one.name) for one in numbers if one.parameter.converter is None]
    assert checked
    assert rounded == []
