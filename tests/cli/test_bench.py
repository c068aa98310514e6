"""`headrace bench`: figures of this machine or of a server, and nothing left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from headrace import App
from headrace.cli import bench
from tests.cli.project import Ended, Project

Call = Callable[..., Ended]
NAMES = ["bulk", "single", "processed-100", "processed-10", "processed-1", "latency-p50", "latency-p99"]


@pytest.fixture
def prefix(valkey_url: str, prefix_on: Callable[[str], str], call: Call, monkeypatch: pytest.MonkeyPatch) -> str:
    """The prefix of the store, also for the command line."""
    found = prefix_on(valkey_url)
    monkeypatch.setenv("HEADRACE_PREFIX", found)
    return found


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


def test_a_server_is_measured_under_a_prefix_that_is_gone_afterwards(call: Call, valkey_url: str, prefix: str) -> None:
    with App(valkey_url, prefix=prefix) as app, redis.Redis.from_url(valkey_url, decode_responses=True) as keys:
        app.queue("bench").add.sync("mine")
        before = sorted(keys.scan_iter(f"{prefix}*"))
        done = call("bench", "--json", "--url", valkey_url)
        assert (done.code, done.err) == (0, "")
        assert done.json["server"] in valkey_url
        assert [figure["name"] for figure in done.json["figures"]] == NAMES
        assert all(figure["value"] > 0 and figure["raw"] > 0 for figure in done.json["figures"])
        assert sorted(keys.scan_iter(f"{prefix}*")) == before
        assert app.queue("bench").counts.sync()["waiting"] == 1


def test_what_breaks_off_leaves_no_key(
    call: Call, valkey_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.measures, "drain", interrupt)
    assert call("bench", "--url", valkey_url).code == 130
    with redis.Redis.from_url(valkey_url) as keys:
        assert list(keys.scan_iter(f"{prefix}*")) == []


def test_the_table_of_a_server_is_narrow_too(call: Call, valkey_url: str, prefix: str) -> None:
    lines = call("bench", "--url", valkey_url).out.splitlines()
    assert lines[0].startswith("on the server at ")
    assert max(map(len, lines[1:])) <= 80


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://me:secret@127.0.0.1:1/0", "cannot connect to 127.0.0.1:1"),
        ("redis+cluster://127.0.0.1:1", "write prefix='{"),
        ("postgresql://me:secret@127.0.0.1:1/x", "it measures SQLite and Redis, and not postgresql://me:***@127.0.0.1"),
    ],
)
def test_what_cannot_be_measured_is_said(call: Call, prefix: str, url: str, said: str) -> None:
    done = call("bench", "--url", url)
    assert (done.code > 1, done.out) == (True, "")
    assert said in done.err
    assert "secret" not in done.err


def test_a_folder_that_is_not_there_is_said(call: Call, project: Project) -> None:
    done = call("bench", "--url", f"sqlite:///{project.folder}/none/x.db")
    assert done.code == 3
    assert "none does not exist; create it, or name another with --url" in done.err
