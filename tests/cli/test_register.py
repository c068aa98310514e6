"""What the register says of a worker is true: held against a real process, looked at from outside."""

import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.cli.project import ON_EACH, PATIENCE_S, Ended, Project, Running
from tests.cli.test_workers import ready, seen

Call = Callable[..., Ended]
pytestmark = ON_EACH


@pytest.fixture
def running(project: Project) -> Iterator[Running]:
    with project.running("worker", "jobs:app", "-c", "7") as running:
        yield running


def listed(call: Call) -> Any:
    (worker,) = call("workers", "list", "--json").json["workers"]
    return worker


def test_each_thing_that_is_said_of_a_worker_is_so(call: Call, project: Project, running: Running) -> None:
    before = time.time() * 1000
    refs = [project.add("gated", {"gate": str(project.gate)}, queue="default") for _ in range(2)]
    name = ready(running)
    seen(call, name)
    project.add("greet", {"name": "Ada"}, queue="mail")
    end = time.monotonic() + PATIENCE_S
    while (said := call("workers", "ping", name, "--json").json["answers"][name])["processed"] < 1:
        assert time.monotonic() < end
    assert said["host"] == socket.gethostname()
    assert said["pid"] == running.process.pid
    assert said["version"] == version("headrace")
    assert {source["queue"]: set(source["names"]) for source in said["sources"]} == {
        "mail": {"fail", "greet"},
        "default": {"gated"},
    }
    assert (said["concurrency"], said["running"], said["processed"]) == (7, 2, 1)
    assert sorted("/".join(job) for job in said["jobs"]) == sorted(refs)
    assert (said["state"], said["blocked_ms"]) == ("running", 0)
    assert 0 <= said["lag_ms"] < PATIENCE_S * 1000
    if sys.platform == "linux":
        assert said["memory"] == pytest.approx(memory(running.process.pid), rel=0.5)
    record = listed(call)
    assert before <= record["started_at"] <= record["seen_at"] <= time.time() * 1000
    assert record["expires_at"] > record["seen_at"]


def memory(pid: int) -> int:
    """The bytes that a process holds, as the system says."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
