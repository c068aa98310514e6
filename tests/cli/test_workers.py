"""`headrace workers`: who they are, and telling them what to do; the workers are processes of their own."""

from collections.abc import Callable

import pytest

from tests.cli.project import ON_EACH, Ended, Project, Running

Call = Callable[..., Ended]
pytestmark = ON_EACH


def ready(running: Running) -> str:
    """The id of the worker, once it is ready."""
    return running.line(" ready: ").split()[2]


def seen(call: Call, name: str) -> None:
    """Wait until the worker is in the list; it is there a moment after it is ready."""
    for _ in range(100):
        if name in [worker["id"] for worker in call("workers", "list", "--json").json["workers"]]:
            return
    raise AssertionError(f"{name} is not listed")


def test_a_worker_is_listed_shown_asked_paused_and_drained(call: Call, project: Project) -> None:
    project.add()
    assert call("workers", "list").err == "headrace: no worker lives; start one with: headrace worker APP\n"
    with project.running("worker", "jobs:app", "-c", "7", "--rate", "5/1s") as running:
        name = ready(running)
        seen(call, name)
        titles, row = (line.split() for line in call("workers", "list").out.splitlines())
        assert titles == ["WORKER", "STATE", "BUSY", "OF", "LAG", "MEMORY", "QUEUES"]
        assert (row[:4], row[-1]) == ([name, "running", "0", "7"], "mail,default")
        shown = call("workers", "show", name).out
        assert f"worker  {name}\n" in shown
        assert "mail: fail, greet\n" in shown
        assert "rate    5 in 1 s at most\n" in shown
        assert call("workers", "ping", name, "--json").json["answers"][name]["pid"] == running.process.pid
        assert call("workers", "pause", "--all").out.splitlines()[1].split()[1] == "paused"
        assert call("workers", "resume", name).out.splitlines()[1].split()[1] == "running"
        assert call("workers", "set", name, "-c", "3", "--json").json["answers"][name]["concurrency"] == 3
        faster = call("workers", "set", name, "--rate", "9/1m", "--json").json["answers"][name]
        assert (faster["rate"], faster["concurrency"]) == ({"most": 9, "per_ms": 60_000}, 3)
        assert call("workers", "set", name, "--rate", "none", "--json").json["answers"][name]["rate"] is None
        assert "give one of --concurrency and --rate" in call("workers", "set", name).err
        assert "is not of the form N/SPAN" in call("workers", "set", name, "--rate", "9").err
        assert "Thread MainThread:" in call("workers", "stacks").out
        assert call("workers", "drain", name).code == 0
        assert running.process.wait(20) == 0
    assert call("workers", "ping").out == ""


def test_a_stopped_worker_hands_back_its_job(call: Call, project: Project) -> None:
    ref = project.add("gated", {"gate": str(project.gate)}, queue="default")
    with project.running("worker", "jobs:app") as running:
        name = ready(running)
        project.until("default", "active")
        seen(call, name)
        assert call("workers", "show", name, "--json").json["sources"]
        assert call("workers", "stop", name).code == 0
        assert running.process.wait(20) == 0
    assert project.record(ref).state == "waiting"


@pytest.mark.parametrize("tokens", [("stop",), ("pause",), ("drain", "x", "--all"), ("set", "-c", "3")])
def test_nobody_is_told_by_an_oversight(call: Call, project: Project, tokens: tuple[str, ...]) -> None:
    project.add()
    done = call("workers", *tokens)
    assert (done.code, done.err) == (2, "headrace: name the workers, or give --all (usage)\n")


def test_who_is_not_there_is_not_found(call: Call, project: Project) -> None:
    project.add()
    done = call("workers", "ping", "web-1")
    assert (done.code, done.err) == (3, "headrace: there is no worker 'web-1'; there is none (no-such-worker)\n")
