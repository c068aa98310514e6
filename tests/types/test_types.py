"""The types of the public interface, as mypy and pyright see them.

`accepted.py` must be free of errors. In `refused.py` each line that must be an error carries an ignore mark, and a mark
on a line without an error is an error itself: so both files must come out clean, in both tools.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT

FOLDER = Path(__file__).parent
FILES = [str(FOLDER / "accepted.py"), str(FOLDER / "refused.py")]


@pytest.mark.parametrize("tool", [["mypy", "--no-error-summary"], ["pyright"]], ids=["mypy", "pyright"])
def test_both_type_checkers_accept_what_is_right_and_refuse_what_is_wrong(tool: list[str]) -> None:
    told = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    ran = subprocess.run([sys.executable, "-m", *tool, *FILES], cwd=ROOT, env=told, capture_output=True, check=False)
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()


def test_the_refused_lines_are_many() -> None:
    """A file that lost its marks would pass for the wrong reason."""
    assert (FOLDER / "refused.py").read_text().count("# type: ignore[") >= 20
