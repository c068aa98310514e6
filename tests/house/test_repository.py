"""The repository stands anywhere: no file of it points at the machine where it was written."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.source import ROOT, name, none

# Folders that every system has say nothing about a machine.
EVERYWHERE = {"/", "/builds", "/home", "/opt", "/root", "/src", "/srv", "/tmp", "/usr/src", "/var/tmp"}
PERSONAL = re.compile(r"/(?:home|Users)/[A-Za-z][\w.-]*/")


def repository_files() -> list[Path]:
    """What git has, or would have with the next commit. A log that lies about is nobody's concern."""
    ask = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached"]
    try:
        names = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as reason:
        pytest.skip(f"this is no git checkout, or there is no git: {reason}")
    paths = (ROOT / line for line in names.split("\0") if line)
    return [path for path in paths if path.is_symlink() or path.is_file()]


def test_nothing_is_a_symbolic_link() -> None:
    none([name(path) for path in repository_files() if path.is_symlink()], "Copy it or import it; do not link")


def test_no_file_names_a_place_of_one_machine() -> None:
    places = [f"{place}/" for place in (ROOT, ROOT.parent) if str(place) not in EVERYWHERE]
    texts = {
        path: path.read_text(encoding="utf-8", errors="replace") for path in repository_files() if not path.is_symlink()
    }
    found = [
        name(path) for path, text in texts.items() if any(place in text for place in places) or PERSONAL.search(text)
    ]
    none(found, "Names a place that only one machine has")
