import os
import subprocess
import sys
from pathlib import Path

import pytest

import headrace
from examples.script.digests import digest
from tests.docs.page import ROOT


def test_equal_files_are_found_and_a_second_run_adds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in (("a", "same"), ("b", "other"), ("c", "same")):
        (folder / name).write_text(text)
    url = f"sqlite:///{tmp_path}/headrace.db"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "examples.script", str(folder)],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"3 files in {folder}", f"the same: {folder}/a {folder}/c"]
    with headrace.App(settings=headrace.Settings(url=url)) as app:
        assert app.queue("files").counts.sync()["completed"] == 3


def test_a_file_that_has_changed_since_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("text")
    with pytest.raises(headrace.Unrecoverable, match="has changed meanwhile"):
        digest(str(file), 0)


def test_no_line_of_the_script_is_async() -> None:
    for path in (ROOT / "examples" / "script").glob("*.py"):
        code = path.read_text(encoding="utf-8")
        assert "await" not in code
        assert "async " not in code
