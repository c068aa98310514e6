"""A worker whose event loop a handler blocks, asked and told from elsewhere; and one whose job is cancelled there.

How long an answer took is printed, and held to a bound that a busy machine keeps, too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from headrace import App, errors
from headrace.core import topics
from headrace.core.commands import Read
from headrace.workers import Records
from tests.cli.project import ON_EACH, PATIENCE_S, Ended, Project, Running
from tests.cli.test_workers import ready, seen

pytestmark = ON_EACH
Call = Callable[..., Ended]
BOUND_S = 5.0  # a second is what is promised on a machine that has time
CODE = """
import asyncio
import time
from pathlib import Path

import headrace

app = headrace.App()


@app.task
async def block(gate: str) -> str:
    while not Path(gate).exists():
        time.sleep(0.01)  # what an async function should not do
    return "opened"


@app.task
async def wait_for_ever() -> None:
    await asyncio.Event().wait()
"""


@pytest.fixture
def running(project: Project) -> Iterator[Running]:
    project.code.write_text(CODE)
    with project.running("worker", "jobs:app", "-c", "5") as running:
        yield running


def in_time(call: Call, *tokens: str) -> Ended:
    """Call; how long it took is printed."""
    began = time.monotonic()
    done = call(*tokens)
    took = time.monotonic() - began
    print(f"{' '.join(tokens)}: {took:.2f} s")
    assert took < BOUND_S
    return done


def block(project: Project, call: Call, running: Running) -> str:
    """Let the loop of the worker be blocked; the id of the worker."""
    name = ready(running)
    seen(call, name)
    project.add("block", {"gate": str(project.gate)}, queue="default")
    project.until("default", "active")
    return name


def until(call: Call, name: str, key: str, wanted: object) -> None:
    """Wait until the worker says this of itself."""
    end = time.monotonic() + PATIENCE_S
    while call("workers", "ping", name, "--json").json["answers"][name][key] != wanted:
        assert time.monotonic() < end


def test_it_answers_what_needs_no_loop(call: Call, project: Project, running: Running) -> None:
    name = block(project, call, running)
    said = in_time(call, "workers", "ping", name, "--json").json["answers"][name]
    assert said["blocked_ms"] > 0
    assert said["lag_ms"] >= said["blocked_ms"]
    assert (said["running"], said["state"]) == (1, "running")
    assert ", in block\n" in in_time(call, "workers", "stacks", name).out
    assert in_time(call, "workers", "pause", name, "--json").json["answers"][name]["state"] == "paused"
    project.add("block", {"gate": str(project.gate)}, queue="default")
    project.gate.touch()
    until(call, name, "processed", 1)
    said = call("workers", "ping", name, "--json").json["answers"][name]
    assert (said["state"], said["blocked_ms"], said["processed"]) == ("paused", 0, 1)
    call("workers", "resume", name)
    until(call, name, "processed", 2)


def test_what_needs_the_loop_waits_and_is_done_once(call: Call, project: Project, running: Running) -> None:
    name = block(project, call, running)
    done = in_time(call, "workers", "set", name, "-c", "3", "--json")
    assert done.code == 1
    assert done.json["answers"][name]["concurrency"] == 5
    assert "order-waits" in done.err
    assert "blocked by a handler; the order waits" in done.err
    assert in_time(call, "workers", "resume", name).code == 1
    assert in_time(call, "workers", "pause", name).code == 0
    project.gate.touch()
    until(call, name, "processed", 1)
    said = call("workers", "ping", name, "--json").json["answers"][name]
    assert (said["concurrency"], said["state"]) == (3, "paused"), "in the order in which they were given"
    assert call("workers", "drain", name).code == 0
    assert running.process.wait(PATIENCE_S) == 0
    told = Counter(line.split("told to ")[1] for line in running.rest() if "told to " in line)
    assert (told["set"], told["resume"], told["pause"], told["drain"]) == (1, 1, 1, 1)

    async def answers(app: App) -> list[str | None]:
        return [entry.key for entry in (await app.storage.run(Read(topics.ANSWERS))).entries]  # type: ignore[union-attr]

    keys = project._with(answers)
    assert len(keys) == len(set(keys)), "one answer to each order"


def test_it_is_drained_when_the_loop_is_free(call: Call, project: Project, running: Running) -> None:
    name = block(project, call, running)

    async def drain(app: App) -> Records:
        try:
            return await app.workers.drain(name)
        except errors.OrderWaits as error:
            waits = error
        assert waits.waiting == (name,)
        return waits.answers

    assert project._with(drain)[name].blocked_ms > 0
    project.gate.touch()
    assert running.process.wait(PATIENCE_S) == 0
    assert project.record("default/1").state == "completed"


def test_show_says_that_it_is_blocked(call: Call, project: Project, running: Running) -> None:
    name = block(project, call, running)
    end = time.monotonic() + PATIENCE_S
    while "blocked for " not in (shown := call("workers", "show", name).out):
        assert time.monotonic() < end, shown
    assert " blocked " in call("workers", "list").out
    project.gate.touch()


def test_a_job_that_runs_elsewhere_is_told_that_it_is_cancelled(call: Call, project: Project, running: Running) -> None:
    name = ready(running)
    seen(call, name)
    ref = project.add("wait_for_ever", queue="default")
    project.until("default", "active")
    began = time.monotonic()
    assert call("jobs", "cancel", ref, "--reason", "enough").code == 0
    project.until("default", "failed")
    took = time.monotonic() - began
    print(f"cancelled and recorded after {took:.2f} s")
    assert took < BOUND_S
    assert project.record(ref).failure.cause == "cancelled"
