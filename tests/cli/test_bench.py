"""`headrace bench`: figures of this machine, and nothing left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.cli import bench
from tests.cli.project import Ended, Project

Call = Callable[..., Ended]
NAMES = ["bulk", "single", "processed-100", "processed-10", "processed-1", "latency-p50", "latency-p99"]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "COUNTS", {name: 200 if name == "single" else 20 for name in bench.COUNTS})


def test_it_measures_beside_the_store_and_leaves_nothing(call: Call, project: Project) -> None:
    project.add()
    store = project.folder / "headrace.db"
    before = store.read_bytes()
    done = call("bench", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["folder"] == str(project.folder)
    figures = done.json["figures"]
    assert [figure["name"] for figure in figures] == NAMES
    assert all(figure["value"] > 0 and figure["raw"] > 0 for figure in figures)
    assert store.read_bytes() == before
    assert not list(project.folder.glob(".headrace-bench-*"))


def test_the_table_is_narrow_and_needs_no_store(call: Call, project: Project) -> None:
    done = call("bench")
    assert done.code == 0
    assert max(map(len, done.out.splitlines()[1:])) <= 80
    assert "processed, 100 at once" in done.out
    assert not (project.folder / "headrace.db").exists()


def test_a_store_without_a_file_is_measured_among_temporary_files(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "gettempdir", lambda: str(tmp_path))
    assert call("bench", "--json", "--url", "memory://").json["folder"] == str(tmp_path)


def test_a_server_is_not_measured(call: Call) -> None:
    done = call("bench", "--url", "redis://me:secret@127.0.0.1:1/0")
    assert (done.code, done.out) == (2, "")
    assert "it measures SQLite, and no server such as redis://me:***@127.0.0.1:1/0" in done.err


def test_a_folder_that_is_not_there_is_said(call: Call, project: Project) -> None:
    done = call("bench", "--url", f"sqlite:///{project.folder}/none/x.db")
    assert done.code == 3
    assert "none does not exist; create it, or name another with --url" in done.err
