"""The benchmarks run and say what they say they say. How fast anything is, is no test's business."""

import json
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

WIDTH_MAX = 80


def run(*given: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *given]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=120).stdout


def test_a_quick_run_prints_a_plain_narrow_table_and_writes_every_sample(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    table = run("single", "import", "--quick", "--json", str(file), "--dir", str(tmp_path))
    assert "added singly, 100 tasks" in table
    assert "\x1b" not in table
    assert max(map(len, table.splitlines())) <= WIDTH_MAX

    written = json.loads(file.read_text("utf-8"))
    assert [figure["name"] for figure in written["figures"]] == ["single", "import"]
    for figure in written["figures"]:
        assert len(figure["samples"]) == len(figure["limit"]["samples"]) == written["repeat"] == 1
        assert figure["median"] > 0
        assert figure["ratio"] > 0
        assert figure["is_reached"] in (True, False)
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"], "everything else is cleaned up"


def test_each_figure_and_each_probe_of_another_engine_is_listed() -> None:
    listed = run("--list").splitlines()
    names = {line.split(maxsplit=1)[0] for line in listed}
    assert {"processed", "million", "bulk", "single", "bytes", "latency", "idle", "memory", "import"} <= names
    assert {path.stem for path in (ROOT / "benchmarks").glob("probe*.py")} <= names
