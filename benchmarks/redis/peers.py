"""Who is measured: Headrace, BullMQ for Node and BullMQ for Python, each a program of the same protocol."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.children import PATIENCE_S, ROOT, ChildFailed
from benchmarks.redis.server import Server, Spent, spent
from tests.interop import node

PORT_PACKAGE: Final = "bullmq==3.4.4"  # of PyPI
INSTALL_S: Final = 120
HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A program and what it is called in the tables."""

    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """What a peer says of its work, and what the server spent on that."""

    answer: dict[str, Any]
    spent: Spent


OURS: Final = Peer("Headrace", (sys.executable, "-m", "benchmarks.redis.ours"))


def bullmq() -> Peer:
    """BullMQ for Node; `CannotRun` if it is not to be had."""
    folder = node.installed()
    program = (str(node.root() / "bin/node"), str(HERE / "bullmq.cjs"))
    return Peer(node.PACKAGES[0].replace("bullmq@", "BullMQ "), program, {"NODE_PATH": str(folder / "node_modules")})


def port() -> Peer:
    """BullMQ for Python, in an environment of its own that is made once; `CannotRun` if it is not to be had."""
    folder = Path(tempfile.gettempdir()) / f"headrace-bench-{os.getuid()}" / PORT_PACKAGE
    if not folder.exists():
        _install(folder)
    return Peer(
        PORT_PACKAGE.replace("bullmq==", "its Python port "), (str(folder / "bin/python"), str(HERE / "port.py"))
    )


def _install(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    commands = (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", PORT_PACKAGE],
    )
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        words = getattr(error, "stderr", None) or error
        raise node.CannotRun(f"pip cannot install {PORT_PACKAGE}: {words}") from None


def take(peer: Peer, server: Server, verb: str, **given: int) -> Sample:
    """What a peer answers to a verb. The server is looked at when the peer is ready, and when it has answered."""
    with _running(peer, server, verb, given) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        _line(process, process.stdout.readline())
        before = spent(server)
        process.stdin.write("go\n")
        process.stdin.flush()
        answer = _line(process, process.stdout.readline())
        return Sample(json.loads(answer), spent(server) - before)


def _line(process: subprocess.Popen[str], line: str) -> str:
    if not line:
        assert process.stderr is not None
        raise ChildFailed(f"{process.args!r}:\n{process.stderr.read()[-4000:]}")
    return line


@contextmanager
def _running(peer: Peer, server: Server, verb: str, given: Mapping[str, int]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*peer.command, "127.0.0.1", str(server.port), verb, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **peer.environment},
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
