"""`--help` and docs/reference/cli.md say the same, with an example for each command."""

import re
from collections.abc import Callable, Iterator
from importlib.metadata import version

import pytest
from cyclopts import App

from headrace.cli.root import commands
from tests.cli.project import Ended, Project
from tests.house.source import ROOT

Call = Callable[..., Ended]
PAGE = ROOT / "docs" / "reference" / "cli.md"
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+|-[a-zA-Z](?![\w-]))")
EVERYWHERE = {"--url", "--json", "--debug", "--help", "-h"}


def leaves(app: App, *above: str) -> Iterator[tuple[str, ...]]:
    for name in app:
        if not name.startswith("-"):
            below = list(leaves(app[name], *above, name))
            yield from below or [(*above, name)]


COMMANDS = sorted(leaves(commands(is_overview=True)))


def section(command: tuple[str, ...]) -> str:
    """What the page says of a command: from its heading to the next one."""
    heading = f"### headrace {' '.join(command)}\n"
    page = PAGE.read_text(encoding="utf-8")
    assert heading in page
    return re.split(r"^##", page.split(heading)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_these_are_the_commands() -> None:
    assert [" ".join(command) for command in COMMANDS] == [
        "bench",
        "config check",
        "config show",
        "demo",
        "dev",
        "doctor",
        "enqueue",
        "flows cancel",
        "flows retry",
        "flows show",
        "jobs cancel",
        "jobs list",
        "jobs logs",
        "jobs move",
        "jobs promote",
        "jobs remove",
        "jobs retry",
        "jobs set",
        "jobs show",
        "jobs why",
        "locks list",
        "locks release",
        "plugins list",
        "queues clean",
        "queues dedup",
        "queues drain",
        "queues forget-dedup",
        "queues limit",
        "queues list",
        "queues obliterate",
        "queues pause",
        "queues promote-all",
        "queues resume",
        "queues retain",
        "queues retry-all",
        "queues show",
        "schedules list",
        "schedules next",
        "schedules pause",
        "schedules remove",
        "schedules resume",
        "schedules run",
        "schedules show",
        "stats",
        "worker",
        "workers drain",
        "workers list",
        "workers pause",
        "workers ping",
        "workers resume",
        "workers set",
        "workers show",
        "workers stacks",
        "workers stop",
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_short_and_the_page_agrees_with_it(call: Call, command: tuple[str, ...]) -> None:
    done = call(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) <= 40
    assert max(map(len, done.out.splitlines())) <= 80
    example = re.search(r"^Example: (headrace .*)$", done.out, re.MULTILINE)
    assert example is not None
    said = section(command)
    assert f"\n{example[1]}\n" in said
    assert set(OPTION.findall(said)) - EVERYWHERE == set(OPTION.findall(done.out.split("Example:")[1])) - EVERYWHERE


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_prints_data_prints_json_too(call: Call, command: tuple[str, ...]) -> None:
    prints_data = command[0] not in ("worker", "dev", "demo")
    assert ("--json" in call(*command, "--help").out) == prints_data


@pytest.mark.parametrize("tokens", [(), ("--help",), ("-h",), ("jobs",), ("jobs", "-h")])
def test_help_of_what_has_commands_lists_them(call: Call, tokens: tuple[str, ...]) -> None:
    done = call(*tokens)
    assert done.code == 0
    assert done.out.startswith("Usage: headrace")
    assert ("Look and act:" in done.out) == ("jobs" not in tokens)


def test_the_version_is_that_of_the_package(project: Project, call: Call) -> None:
    said = f"headrace {version('headrace')}\n"
    assert call("--version").out == said
    assert call("-V").out == said
    assert project.run("--version").out == said


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("jbos",), 'Unknown command "jbos". Did you mean "jobs"?'),
        (("jobs", "lst"), 'Did you mean "list"?'),
        (("jobs", "show"), "JOB requires an argument"),
        (("jobs", "show", "a/1", "--jsn"), "Did you mean --json?"),
        (("jobs", "\x1b[31m"), "\\x1b[31m"),
        (("queues", "show", "mail", "post", "\x1b[2J"), "too many arguments: post \\x1b[2J"),
    ],
)
def test_a_slip_in_usage_is_one_sentence(call: Call, tokens: tuple[str, ...], message: str) -> None:
    done = call(*tokens)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.err.endswith("(usage)\n")
