"""A project of a user's in a folder of its own, and `headrace` called in it: as a process, or here."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from types import MappingProxyType
from typing import Any

import pytest

from headrace import App, Event, Job

PATIENCE_S = 20.0
ON_EACH = pytest.mark.parametrize("project", ["sqlite", "redis"], indirect=True)
"""Marks tests that are played on each store that has more than one process."""
COMMAND = (sys.executable, "-m", "headrace")

CODE = '''
import asyncio
from pathlib import Path

import headrace

app = headrace.App()
other = 5


@app.task(queue="mail", attempts=2)
async def greet(name: str, times: int = 1) -> str:
    """A greeting."""
    await headrace.context().log(f"greets {name}")
    return f"hello {name}" * times


@app.task(queue="mail")
async def fail(reason: str) -> None:
    raise headrace.Unrecoverable(reason)


@app.task
async def gated(gate: str) -> str:
    """Goes on when the file is there."""
    await headrace.context().log("waits")
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    await headrace.context().log("goes on")
    return "opened"
'''


class Ended:
    """What a finished command has left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Running:
    """A process whose stderr is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.seen: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def line(self, part: str) -> str:
        """The next line that has this in it."""
        while (line := self._next()) is not None:
            if part in line:
                return line
        raise AssertionError(f"{part!r} never came in {self.seen}")

    def ready(self) -> int:
        """The process id of the next worker that says it is ready."""
        (pid,) = _workers(self.line(" ready: "))
        return pid

    def rest(self) -> list[str]:
        """All lines to the end; then every process that could write them is gone."""
        while self._next() is not None:
            pass
        return self.seen

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE_S)
        if self._reader.is_alive():  # a process of a fleet outlived it; to close what it writes to would hang
            for pid in _workers("\n".join(self.seen)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"processes go on after {self.seen}")
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _next(self) -> str | None:
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except Empty:
            raise AssertionError(f"nothing more came after {self.seen}") from None
        if line is not None:
            self.seen.append(line)
        return line

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


def _workers(text: str) -> list[int]:
    """The process ids of the workers that say here that they are ready."""
    return [int(pid) for pid in re.findall(r"-(\d+)-[0-9a-f]{8} ready", text)]


class Project:
    """A folder with jobs.py, whose store is in its headrace.db, or where the environment says."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        self.folder = folder
        self.environ = environ
        self.url = environ.get("HEADRACE_URL", f"sqlite:///{folder / 'headrace.db'}")
        self.code = folder / "jobs.py"
        self.code.write_text(CODE)
        (folder / "pyproject.toml").write_text("")
        self.gate = folder / "gate"

    def run(self, *tokens: str, **environ: str) -> Ended:
        """`headrace …` in a process of its own, to its end."""
        done = subprocess.run(
            [*COMMAND, *tokens],
            cwd=self.folder,
            env=self._environ(environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *tokens: str) -> Iterator[Running]:
        """`headrace …` in a process of its own, ended by force if it has not ended by then."""
        process = subprocess.Popen(
            [*COMMAND, *tokens], cwd=self.folder, env=self._environ({}), stderr=subprocess.PIPE, text=True
        )
        running = Running(process)
        try:
            yield running
        finally:
            running.close()

    def bare(self) -> App:
        """An app on the project's store."""
        return App(self.url, prefix=self.environ.get("HEADRACE_PREFIX"))

    def app(self) -> App:
        """An app on the project's store with tasks of its own."""
        app = self.bare()

        async def greet(name: str = "you") -> str:
            await asyncio.sleep(0)
            return f"hello {name}"

        async def fail(reason: str) -> None:
            raise ValueError(reason)

        app.task(queue="mail")(greet)
        app.task(queue="mail", attempts=2)(fail)
        return app

    def work(self, act: Callable[[App], Any]) -> Any:
        """Do something with an app on the store, then run what can be run; what it gave."""

        async def done() -> Any:
            async with self.app() as app:
                found = await act(app)
                await app.worker().run_until_idle()
                return found

        return asyncio.run(done())

    def add(self, name: str = "elsewhere", data: object = None, queue: str = "post", **options: Any) -> str:
        """A job that no task of `work` runs; its QUEUE/ID."""

        async def act(app: App) -> Job[Any]:
            return await app.queue(queue).add(name, data, **options)

        return str(self._with(act).ref)

    def until(self, queue: str, state: str) -> None:
        """Wait for the event that a job of the queue has come into this state."""

        async def act(app: App) -> None:
            async with asyncio.timeout(PATIENCE_S):
                async for event in app.queue(queue).events(after=0):
                    if isinstance(event, Event) and event.state == state:
                        return

        self._with(act)

    def begun(self, ref: str) -> None:
        """Wait until the handler of a job has said something; that it is active is known before its worker knows."""
        queue, _, job_id = ref.partition("/")

        async def act(app: App) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while not await (await app.get(queue, job_id)).logs():
                    pass

        self._with(act)

    def record(self, ref: str) -> Any:
        queue, _, job_id = ref.partition("/")

        async def act(app: App) -> Any:
            return (await app.get(queue, job_id)).record

        return self._with(act)

    def _with(self, act: Callable[[App], Any]) -> Any:
        async def done() -> Any:
            async with self.bare() as app:
                return await act(app)

        return asyncio.run(done())

    def _environ(self, more: dict[str, str]) -> dict[str, str]:
        left = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "COLUMNS"))}
        return left | dict(self.environ) | more


def lines(text: str) -> Sequence[str]:
    return text.splitlines()
