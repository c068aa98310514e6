"""`headrace config`, and how settings and faults in them come out."""

from collections.abc import Callable

import pytest

from tests.cli.project import Ended, Project

Call = Callable[..., Ended]


def test_show_gives_value_and_origin_with_secrets_masked(
    call: Call, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "headrace.toml").write_text('concurrency = 7\nurl = "sqlite:///mine.db"\n')
    monkeypatch.setenv("HEADRACE_LEASE", "12")
    shown = call("config", "show", "--json").json
    assert shown["concurrency"] == {"value": 7, "origin": str(project.folder / "headrace.toml")}
    assert shown["lease"] == {"value": 12.0, "origin": "HEADRACE_LEASE"}
    assert shown["url"]["value"] == f"sqlite:///{project.folder / 'mine.db'}"
    assert call("config", "show").out.splitlines()[0].split() == ["SETTING", "VALUE", "FROM"]


def test_check_lists_every_fault(call: Call, project: Project) -> None:
    assert call("config", "check").out == "the settings are right\n"
    (project.folder / "headrace.toml").write_text('concurency = 7\nlease = "soon"\n')
    done = call("config", "check")
    assert (done.code, done.out) == (78, "")
    assert done.err.splitlines()[0] == "headrace: the settings are wrong (bad-config):"
    assert "concurency is unknown; did you mean concurrency?" in done.err
    problems = call("config", "check", "--json")
    assert problems.code == 78
    assert problems.json["is_right"] is False
    assert len(problems.json["problems"]) == 2


@pytest.mark.parametrize("tokens", [("jobs", "list"), ("queues", "list"), ("enqueue", "jobs:app", "greet")])
def test_no_command_runs_on_wrong_settings(project: Project, tokens: tuple[str, ...]) -> None:
    done = project.run(*tokens, HEADRACE_LEASE="soon")
    assert (done.code, done.out) == (78, "")
    assert "HEADRACE_LEASE: lease is no span of time" in done.err


@pytest.mark.parametrize("verb", ["show", "check"])
def test_a_url_that_names_no_store_is_bad_configuration(call: Call, verb: str) -> None:
    done = call("config", verb, "--url", "mysql://me:secret@host/db")
    assert done.code == 78
    assert "(bad-url)" in done.err
    assert "secret" not in done.err


def test_looking_makes_no_store(call: Call, project: Project) -> None:
    done = call("jobs", "list")
    assert (done.code, done.out) == (69, "")
    assert "there is no such file; name the store with --url or HEADRACE_URL (cannot-open)" in done.err
    assert not (project.folder / "headrace.db").exists()


def test_a_store_that_cannot_be_opened_is_unreachable(call: Call, project: Project) -> None:
    (project.folder / "headrace.db").write_text("no database at all, but long enough to be looked at" * 50)
    done = call("jobs", "list")
    assert (done.code, done.out) == (69, "")
    assert done.err.count("\n") == 1


def test_the_password_of_a_server_is_never_shown(call: Call) -> None:
    url = "redis://me:secret@127.0.0.1:1/0"
    assert call("config", "show", "--url", url, "--json").json["url"]["value"] == "redis://me:***@127.0.0.1:1/0"
    done = call("jobs", "list", "--url", url)
    assert done.code == 69
    assert "127.0.0.1:1" in done.err
    assert "secret" not in done.err
