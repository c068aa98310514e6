"""`headrace worker --processes N`, and `headrace dev`: who looks after worker processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.project import CODE, COMMAND, ON_EACH, PATIENCE_S, Project


def pending(pid: int) -> set[int]:
    """The signals that a process has been sent and has not taken yet."""
    found = re.search(r"^ShdPnd:\s+(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return {number + 1 for number in range(64) if int(found[1], 16) >> number & 1}


def is_stopped(pid: int) -> bool:
    """Whether all threads of a process stand still; one that is about to might still take a signal."""
    states = [Path(task, "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(re.search(r"^State:\s+T", state, re.MULTILINE) for state in states)


@ON_EACH
def test_a_process_that_dies_is_started_again_and_all_drain_in_the_end(project: Project) -> None:
    with project.running("worker", "jobs:app", "--processes", "2") as fleet:
        first, second = fleet.ready(), fleet.ready()
        os.kill(first, signal.SIGKILL)
        assert "ended by signal SIGKILL; it starts again in 0.5 s" in fleet.line("starts again")
        third = fleet.ready()
        assert len({first, second, third}) == 3
        job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
        project.begun(job)
        fleet.signal()
        fleet.line("1 jobs may end")
        project.gate.touch()
        assert fleet.end() == 0
    assert project.record(job).state == "completed"


@ON_EACH
def test_the_second_signal_reaches_the_processes_too(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("worker", "jobs:app", "--processes", "2") as fleet:
        fleet.ready()
        fleet.ready()
        project.begun(job)
        fleet.signal(signal.SIGINT)
        fleet.line("1 jobs may end")
        fleet.signal(signal.SIGINT)
        fleet.line("1 jobs are handed back")
        assert fleet.end() == 0
    assert project.record(job).state == "waiting"


@ON_EACH
@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_a_process_that_gets_no_time_between_two_signals_has_them_both(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("worker", "jobs:app", "--processes", "2") as fleet:
        fleet.ready()
        fleet.ready()
        project.begun(job)
        busy = int(project.record(job).worker.split("-")[-2])
        os.kill(busy, signal.SIGSTOP)
        while not is_stopped(busy):
            pass
        fleet.signal(signal.SIGINT)
        fleet.signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE_S
        while not {signal.SIGTERM, signal.SIGINT} <= pending(busy):
            assert time.monotonic() < end, pending(busy)
        os.kill(busy, signal.SIGCONT)
        fleet.line("1 jobs are handed back")
        assert fleet.end() == 0
    assert project.record(job).state == "waiting"


def test_a_message_is_written_in_one_piece(project: Project) -> None:
    """Else those of several processes come mixed where they share a pipe."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # it keeps pieces apart
    with ours, theirs:
        subprocess.run([*COMMAND, "worker", "jbos:app"], cwd=project.folder, stderr=theirs, check=False)
        written = ours.recv(10_000).decode()
    assert written.startswith("headrace: ")
    assert written.endswith("\n")


@ON_EACH
def test_when_the_one_that_looks_after_them_is_killed_the_processes_drain(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("worker", "jobs:app", "--processes", "2") as fleet:
        fleet.ready()
        fleet.ready()
        project.begun(job)
        fleet.signal(signal.SIGKILL)
        fleet.line("1 jobs may end")
        project.gate.touch()
        fleet.rest()
    assert project.record(job).state == "completed"


def test_what_can_never_start_is_not_started_again(project: Project) -> None:
    done = project.run("worker", "jbos:app", "--processes", "2")
    assert done.code == 3
    assert "did you mean jobs?" in done.err
    assert "starts again" not in done.err


def test_dev_starts_the_worker_anew_when_the_code_has_changed(project: Project) -> None:
    with project.running("dev", "jobs:app") as dev:
        dev.line("watching 1 files")
        dev.ready()
        project.code.write_text("a slip of the pen\n")
        dev.line("changed: jobs.py; starting anew")
        dev.line("SyntaxError")
        dev.line("waiting for a change")
        project.code.write_text(CODE + "\n\n@app.task\ndef added() -> None: ...\n")
        assert "added" in dev.line("ready")
        dev.signal(signal.SIGINT)
        assert dev.end() == 0
        dev.rest()
