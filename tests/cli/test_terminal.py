"""In a terminal: tables that fit it, colours unless NO_COLOR, and nothing of a job's that steers it."""

import io
import os
import pty
import re
import subprocess

import pytest

from headrace import App, Swept
from headrace.cli.sweeps import bar
from tests.cli.project import COMMAND, Project

STYLES = re.compile(r"\x1b\[[0-9;]*m")
COLOURS = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")


def drawn(project: Project, *tokens: str, **environ: str) -> str:
    """What a terminal of 80 columns is sent."""
    ours, theirs = pty.openpty()
    left = {
        name: value for name, value in os.environ.items() if name != "NO_COLOR" and not name.startswith("HEADRACE_")
    }
    process = subprocess.Popen(
        [*COMMAND, *tokens],
        cwd=project.folder,
        env=left | {"COLUMNS": "80", "TERM": "xterm"} | environ,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65_536):
            seen += part
    except OSError:
        pass  # the other side is closed
    os.close(ours)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    return seen.decode()


def test_tables_and_trees_fit_and_are_coloured(project: Project) -> None:
    async def act(app: App) -> str:
        mail = app.queue("mail-of-a-department-with-a-long-name")
        long = "a task whose name goes on and on, as names do that were made by machines " * 3
        flow = mail.call(long).after(mail.call(long, {"text": "x" * 300}))
        await app.queue("mail").add("fail", {"reason": "it \x1b[2J\x9b2Jrains " + "and rains " * 30})
        return str((await app.enqueue(flow)).ref)

    flow = project.work(act)
    job = "mail/1"
    flows, queues = (("flows", "show", flow), ("flows", "show", job)), (("queues", "list"), ("queues", "show", "mail"))
    for tokens in (("jobs", "list"), *queues, *flows, ("config", "show"), ("--help",)):
        sent = drawn(project, *tokens)
        text = STYLES.sub("", sent)
        assert max(len(line) for line in text.splitlines()) <= 80, tokens
        assert re.search(r"[\x1b\x9b]", text) is None, tokens
    assert COLOURS.search(drawn(project, "jobs", "list"))
    assert not COLOURS.search(drawn(project, "jobs", "list", NO_COLOR="1"))


def test_what_why_says_fits_and_breaks_no_id(project: Project) -> None:
    job = "a-job-of-a-flow-0b6f6c0e-2f1a-4f5e-9d0c-7d9f0a3b1c2d"
    project.add(queue="post", job_id=job, delay=60)
    lines = drawn(project, "jobs", "why", f"post/{job}").splitlines()
    assert max(map(len, lines)) <= 80
    assert any(f"post/{job}" in line for line in lines)


def test_a_person_sees_a_bar_and_a_program_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, is_drawn in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        with bar("retry") as progress:
            progress(Swept(total=10, looked=5))
            progress(Swept(total=10, looked=12))
        assert ("12/12" in stream.getvalue()) == is_drawn
