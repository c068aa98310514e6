"""Where settings come from, and which place wins."""

from pathlib import Path

import pytest

from headrace import config
from headrace.core.errors import BadConfig
from headrace.core.settings import Settings


def load(start: Path, arguments: dict[str, object] | None = None, **environ: str) -> Settings:
    return config.load(arguments, environ=environ, start=start).settings


def test_the_default_store_is_a_file_in_the_working_directory(tmp_path: Path) -> None:
    assert load(tmp_path).url == f"sqlite:///{tmp_path}/headrace.db"


def test_the_default_store_lies_beside_the_projects_file(tmp_path: Path) -> None:
    inner = tmp_path / "src" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load(inner).url == f"sqlite:///{tmp_path}/headrace.db"
    (inner.parent / "headrace.toml").write_text("lease = '5s'\n")
    assert load(inner).url == f"sqlite:///{inner.parent}/headrace.db"


def test_a_project_file_without_our_table_does_not_hide_one_further_up(tmp_path: Path) -> None:
    inner = tmp_path / "member"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\nconcurrency = 3\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'member'\n")
    assert load(inner).concurrency == 3


def test_defaults_give_way_to_file_environment_and_arguments_in_this_order(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("lease = '11s'\npoll = '3s'\nconcurrency = 1\n")
    found = load(tmp_path, {"concurrency": 3, "prefix": None}, HEADRACE_POLL="4s", HEADRACE_CONCURRENCY="2")
    assert (found.lease, found.poll, found.concurrency) == (11.0, 4.0, 3)


def test_nested_keys_join_with_two_underscores(tmp_path: Path) -> None:
    assert load(tmp_path, HEADRACE_KEEP_COMPLETED__AGE="1h").keep_completed.age == 3600


def test_variables_of_tests_and_of_others_and_empty_ones_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, HEADRACE_TEST_URL="x", HEAD="x", HEADRACE_PREFIX="").prefix is None


def test_the_problems_of_all_places_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("leas = 1\n")
    with pytest.raises(BadConfig) as caught:
        load(tmp_path, {"poll": "x"}, HEADRACE_CONCURENCY="5")
    told = str(caught.value)
    assert f"{tmp_path}/headrace.toml: leas is unknown; did you mean lease?" in told
    assert "HEADRACE_CONCURENCY: concurency is unknown; did you mean concurrency?" in told
    assert "argument: poll is no span of time" in told


def test_two_settings_files_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    with pytest.raises(BadConfig, match="keep one"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["lease = ", "\xff\xfe"])
def test_a_file_that_is_no_toml_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "headrace.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadConfig, match="is no TOML"):
        load(tmp_path)


def test_a_relative_path_in_a_file_starts_at_the_file(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "headrace.toml").write_text("url = 'sqlite:///data/jobs.db'\n")
    assert load(inner).url == f"sqlite:///{tmp_path}/data/jobs.db"
    assert load(inner, HEADRACE_URL="sqlite:///jobs.db").url == "sqlite:///jobs.db"


def test_settings_given_whole_are_taken_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_LEASE", "77s")
    assert config.settle(Settings(poll=3.0), url=None, prefix=None).settings == Settings(
        poll=3.0, url=f"sqlite:///{tmp_path}/headrace.db"
    )
    assert config.settle({"poll": 3}, url="memory://", prefix=None).settings == Settings(
        poll=3.0, lease=77.0, url="memory://"
    )
    assert config.settle(None, url="memory://", prefix=None).origins["url"] == "argument"
