"""An example runs with the command of its README and prints what is shown there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.starchart.scenario import SCENARIOS
from tests.docs.page import ROOT, blocks
from tests.docs.stage import environment, is_said

PROMPT = ".venv/bin/python "


@pytest.mark.parametrize(
    "example", ["cron", "mail", "one_at_a_time", "plugin", "rate_limited_api", "report", "tenants"]
)
def test_the_command_of_the_readme_prints_what_it_shows(example: str) -> None:
    command, shown = blocks(ROOT / "examples" / example / "README.md")[:2]
    assert command.text.startswith(PROMPT)
    tokens = command.text.removeprefix(PROMPT).split()
    done = subprocess.run(
        [sys.executable, *tokens], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert is_said(shown.text, done.stdout), done.stdout


def test_the_list_of_examples_has_each_of_them() -> None:
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    folders = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))
    assert [name for name in folders if f"]({name}/README.md)" not in listed] == []


@pytest.mark.parametrize("readme", sorted((ROOT / "examples").rglob("README.md")), ids=lambda path: path.parent.name)
def test_a_command_of_a_readme_runs_in_our_environment(readme: Path) -> None:
    lines = "".join(block.text for block in blocks(readme) if block.language == "sh").splitlines()
    assert [line for line in lines if " -m examples." in f" {line}" and PROMPT not in line] == []


def test_each_scenario_of_the_showcase_is_in_its_readme_and_each_that_is_there_is_played() -> None:
    listed = re.findall(r"^\| `(S\d+B?)` \|", (ROOT / "examples/starchart/README.md").read_text("utf-8"), re.MULTILINE)
    places = [
        path for folder in ("examples", "faults") for path in (ROOT / "tests" / folder).glob("test_starchart*.py")
    ]
    tests = "".join(path.read_text("utf-8") for path in places)
    assert len(listed) == len(set(listed))
    assert [name for name in SCENARIOS if name not in listed] == []
    assert [name for name in listed if f"def test_{name.lower()}_" not in tests] == []
