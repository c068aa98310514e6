"""`headrace queues limit`."""

from collections.abc import Callable

from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


def test_limits_are_set_shown_and_lifted(call: Call, project: Project) -> None:
    project.add(queue="mail")
    assert call("queues", "limit", "mail").err == "headrace: mail has no limits\n"
    keys = ("--per-key", "tenant", "--running", "5", "--waiting", "50")
    said = call("queues", "limit", "mail", "--concurrency", "10", "--rate", "100/1s", "--max-waiting", "1000", *keys)
    assert [line.split(maxsplit=1) for line in said.out.splitlines()][1:3] == [
        ["concurrency", "10"],
        ["rate", "100 in 1 s"],
    ]
    assert "running 5, waiting 50" in said.out
    assert "100 in 1 s" in call("queues", "show", "mail").out
    lifted = call("queues", "limit", "mail", "--rate", "none", "--per-key", "none", "--json").json
    assert lifted["limits"] == {"concurrency": 10, "max_waiting": 1000, "rate": None, "per_key": None}


def test_what_is_no_limit_is_a_wrong_call(call: Call, project: Project) -> None:
    project.add(queue="mail")
    for wrong in (
        ("--concurrency", "x"),
        ("--concurrency", "0"),
        ("--max-waiting", "9" * 5_000),
        ("--rate", "9" * 5_000 + "/1s"),
        ("--rate", "5"),
        ("--rate", "x/1s"),
        ("--running", "5"),
        ("--per-key", "a.b"),
    ):
        said = call("queues", "limit", "mail", *wrong)
        assert (said.code, len(said.err) < 200) == (2, True), wrong
    assert call("queues", "limit", "mial", "--concurrency", "1").code == 3
