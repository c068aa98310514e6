"""A temporary folder in which a page is played: its files written, its Python and its shell lines run, in order.

* A Python block whose first line is a comment with a file name is that file; `, continued` goes to its end.
* The other Python blocks of a page share one namespace and may `await`.
* A shell block is run line by line: `headrace`, `python`, `pytest`. A worker goes on in the background, and when a
  file is written while `headrace dev` runs, the stage waits until it has started anew.
* In a reference the lines stand for themselves: there they are only parsed.
* A `text` block is the output of the block above it, of both streams; `…` stands for anything within a line.
* What is only to be looked at has no language, or is a `mermaid` diagram. Any other language is an error: a block that
  cannot be run has `<!-- not run: why -->` above it.
"""

import ast
import asyncio
import inspect
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from headrace.cli.root import commands
from tests.docs.page import Block

NOT_OURS = frozenset({".", "cd", "git", "make", "mkdir", "pip", "python3"})
"""What a reader types and no test runs."""
OURS = {"headrace": ["-m", "headrace"], "python": [], "pytest": ["-P", "-m", "pytest", "-q"]}
"""As which Python runs them. The command `pytest` does not look for modules in the working directory."""
DRAWINGS = frozenset({"", "mermaid"})
LONG = frozenset({"worker", "dev"})
LOOKS = frozenset({"list", "show", "why", "logs"})
"""Verbs that may be asked again, because a worker in the background is not quicker than its machine."""
READY = " ready: "
_UNIT = re.compile(r"^Exec\w+=\S*/(headrace .*)$", re.MULTILINE)
_EXIT = re.compile(r"# exit (\d+)")
COMMAND_S = 20
READY_S = 10
SEEN_S = 5


class Background:
    """A worker that goes on while the rest of a page is played."""

    def __init__(self, command: list[str], folder: Path, *, is_reloading: bool) -> None:
        self.is_reloading = is_reloading
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def starts(self) -> int:
        return sum(READY in line for line in self.lines)

    def until_started(self, count: int = 1) -> str:
        """What it has printed once it has been ready so many times."""
        with self._news:
            is_ready = self._news.wait_for(lambda: self.starts() >= count, READY_S)
        assert is_ready, f"no worker became ready; it said:\n{''.join(self.lines)}"
        return "".join(self.lines)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(COMMAND_S)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert code == 0, f"the worker ended with {code}:\n{''.join(self.lines)}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()


class Stage:
    """Plays the blocks of one page; `log` has a line for each."""

    def __init__(self, folder: Path, *, is_reference: bool = False) -> None:
        self.log: list[str] = []
        self._is_reference = is_reference
        self._folder = folder
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._output: str | None = None  # of the block before, None if it was not run
        self._is_silent = False  # the block before was not run
        self._again: Callable[[], None] | None = None  # how to get the output once more
        self._workers: list[Background] = []
        self._runner = asyncio.Runner()

    def play(self, block: Block) -> None:
        if block.language != "text":
            self._again, self._is_silent = None, block.reason is not None
        if block.reason is not None:
            self._output = None
            self._note(block, f"not run: {block.reason}")
        elif block.language == "python" or block.file:
            self._play_file(block) if block.file else self._play_python(block)
        elif block.language == "sh":
            self._play_shell(block)
        elif block.language == "text":
            self._compare(block)
        else:
            assert block.language in DRAWINGS, f"{block.place}: no test knows how to run {block.language!r}"

    def close(self) -> None:
        """End what still runs; each worker must drain."""
        self._runner.close()
        try:
            for worker in self._workers:
                worker.stop()
        finally:
            for worker in self._workers:
                worker.kill()

    def _play_file(self, block: Block) -> None:
        assert block.file is not None
        path = self._folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        reloading = [(worker, worker.starts()) for worker in self._workers if worker.is_reloading]
        before = path.read_text() + "\n\n" if block.is_continued else ""
        path.write_text(before + block.text)
        for line in _UNIT.findall(block.text) if path.suffix == ".service" else ():
            self._parse(block, line, shlex.split(line))
        for worker, starts in reloading if path.suffix == ".py" else ():
            worker.until_started(starts + 1)
        self._output = None
        self._note(block, f"is the file {block.file}")

    def _play_python(self, block: Block) -> None:
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed = io.StringIO()
        with redirect_stdout(printed):
            if code.co_flags & inspect.CO_COROUTINE:
                self._runner.run(self._await(code))
            else:
                exec(code, self._names)
        self._output = printed.getvalue()
        self._note(block, "ran")

    async def _await(self, code: Any) -> None:
        await eval(code, self._names)

    def _play_shell(self, block: Block) -> None:
        self._output = ""
        lines = [(line, shlex.split(line, comments=True)) for line in block.text.splitlines()]
        lines = [(line, tokens) for line, tokens in lines if tokens]
        for line, tokens in lines:
            self._run(block, line, tokens)
        if all(tokens[0] == "headrace" and not LOOKS.isdisjoint(tokens) for _, tokens in lines):
            self._again = lambda: self._play_shell(block)

    def _run(self, block: Block, line: str, tokens: list[str]) -> None:
        if tokens[0] in NOT_OURS:
            self._note(block, f"not run: {line}")
            return
        assert tokens[0] in OURS, f"{block.place}: no test knows how to run {line!r}"
        if self._is_reference:
            self._parse(block, line, tokens)
            return
        command = [sys.executable, *OURS[tokens[0]], *tokens[1:]]
        is_long = tokens[0] == "headrace" and tokens[1] in LONG
        output = self._start(command, tokens[1]) if is_long else self._finish(block, line, command)
        self._output = (self._output or "") + output
        self._note(block, f"ran: {line}")

    def _parse(self, block: Block, line: str, tokens: list[str]) -> None:
        if self._is_reference or tokens[0] == "headrace":
            assert tokens[0] == "headrace", f"{block.place}: no test knows how to parse {line!r}"
            commands().parse_args(tokens[1:], exit_on_error=False, print_error=False)
        self._output = None
        self._note(block, f"parsed: {line}")

    def _start(self, command: list[str], verb: str) -> str:
        worker = Background(command, self._folder, is_reloading=verb == "dev")
        self._workers.append(worker)
        return worker.until_started()

    def _finish(self, block: Block, line: str, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        said = _EXIT.search(line)  # what fails on purpose says so in a comment: `# exit 3`
        expected = int(said[1]) if said else 0
        assert done.returncode == expected, f"{block.place}: {line}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def _compare(self, block: Block) -> None:
        if self._is_silent:
            self._note(block, "not compared, because the block above was not run")
            return
        assert self._output is not None, f"{block.place}: there is no block above whose output this could be"
        end = time.monotonic() + SEEN_S
        while not (was_said := is_said(block.text, self._output)) and self._again and time.monotonic() < end:
            self._again()
        assert was_said, f"{block.place} says\n{block.text}\nbut this was printed\n{self._output}"
        self._note(block, "was printed")

    def _note(self, block: Block, what: str) -> None:
        self.log.append(f"{block.place} {block.language}: {what}")


def is_said(text: str, output: str) -> bool:
    """Whether this was printed, where `…` is anything within a line."""
    said = [".*?".join(map(re.escape, line.rstrip().split("…"))) for line in text.rstrip().splitlines()]
    found = [line.rstrip() for line in output.rstrip().splitlines()]
    return len(said) == len(found) and all(map(re.fullmatch, said, found))


def environment() -> dict[str, str]:
    """Ours, without what would make a command of the docs behave otherwise than a reader's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "PYTEST_"))}
    return kept | {"COLUMNS": "120", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
