"""The benchmarks run and say what they say they say. How fast anything is, is no test's business."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.redis import beside
from benchmarks.redis.peers import bullmq
from benchmarks.redis.server import SERVERS, running
from tests.house.source import ROOT
from tests.interop import node
from tests.servers import redis7
from tests.servers.available import or_skip

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
    assert {"processed", "million", "bulk", "single", "bytes", "latency", "idle", "memory", "import", *SERVERS} <= names
    assert {path.stem for path in (ROOT / "benchmarks").glob("probe*.py")} <= names


@pytest.mark.parametrize(("name", "product"), [("redis", "Valkey 8."), ("redis7", "Redis 7.")])
def test_figures_beside_bullmq_say_on_which_server_they_were_taken(tmp_path: Path, name: str, product: str) -> None:
    with or_skip(running(name)) as server:
        try:
            figures = beside.added(Bench(tmp_path, 1, is_quick=True), server, bullmq(), 0)
        except node.CannotRun as reason:
            pytest.skip(str(reason))
    for figure in figures:
        assert figure.limit is not None
        assert len(figure.samples) == len(figure.limit.samples) == 1
        written = figure.as_data()
        assert written["name"].startswith(f"{name}-add-bulk")
        assert written["server"].startswith(product)
        assert written["server"].partition(", ")[2].startswith(("libc", "jemalloc"))
    lines = report.printed(figures).splitlines()
    assert lines[1] == figures[0].server
    assert lines[2].startswith("added, 1,000 at once")
    assert max(map(len, lines)) <= WIDTH_MAX


def test_where_there_is_no_redis_7_its_benchmark_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis7, "NAME", "a-server-that-nobody-has")
    (figure,) = beside.on_redis7(Bench(tmp_path, 1))
    assert (figure.samples, figure.is_reached) == ([], None)
    assert "redis7: there is no a-server-that-nobody-has here" in report.printed([figure])


def test_each_server_has_its_own_table_in_the_docs_and_keeps_it_when_it_is_not_to_be_had(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    before = "".join(f"<!-- table: {kind} -->\nold {kind}\n<!-- end of table -->\n" for kind in SERVERS)
    page.write_text(before, "utf-8")
    taken = Figure("redis-memory", "memory", "bytes", [1.0], server="Valkey 8.1.8, libc")
    report.write_docs([taken, Figure("redis7", "redis7", "jobs/s", note="not here")], tmp_path, page)
    first, second = page.read_text("utf-8").split("<!-- end of table -->\n")[:2]
    assert "Valkey 8.1.8, libc\nmemory" in first
    assert "old" not in first
    assert second == "<!-- table: redis7 -->\nold redis7\n"
