"""`headrace dev`: a worker that starts again whenever the code has changed."""

import asyncio
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final

from headrace import config
from headrace.cli.changes import Changes
from headrace.cli.failure import Exit, say
from headrace.cli.options import WHERE, Where
from headrace.cli.processes import SIGNALS, Rope, command_of
from headrace.cli.target import Target
from headrace.cli.worker import Concurrency, Pace, Queues

LOOK_S: Final = 0.5
DRAIN_S: Final = 10.0  # then running jobs are handed back
NAMED_MAX: Final = 3


async def dev(
    app: Target, /, *, queue: Queues = None, concurrency: Concurrency = None, rate: Pace = None, common: Where = WHERE
) -> int:
    """Run a worker that starts anew when the code changes.

    All .py files of the project are watched. Running jobs may end before; after a while they are handed back.

    Example: headrace dev jobs:app
    """
    return await Reload(command_of(app, queue, concurrency, rate, common), config.search(Path.cwd()).folder).run()


class Reload:
    """One worker process, and the code it runs."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._changes = Changes(folder)
        self._rope = Rope()
        self._child: Process | None = None
        self._stopping = asyncio.Event()
        self._signals = 0

    async def run(self) -> int:
        """Work and watch until a signal."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signalled)
        say(f"watching {len(self._changes)} files in {self._folder}")
        try:
            await self._start()
            while not await self._is_stopped():
                if changed := self._changes.look():
                    say(f"changed: {_named(changed)}; starting anew")
                    await self._replace()
                self._notice()
            await self._end()
        finally:
            self._rope.close()
        return Exit.OK

    async def _is_stopped(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    async def _start(self) -> None:
        if not self._stopping.is_set():
            self._child = await self._rope.spawn(self._command)

    def _notice(self) -> None:
        """A worker that has ended by itself is told of, once; the next change starts it."""
        if self._child is not None and self._child.returncode is not None:
            say(f"the worker has ended with code {self._child.returncode}; waiting for a change")
            self._child = None

    async def _replace(self) -> None:
        """Drain the worker and start another; what still runs after a while is handed back, and then it has to go."""
        for tell in (Process.terminate, Process.terminate, Process.kill):
            if not self._is_alive():
                break
            assert self._child is not None
            tell(self._child)
            try:
                async with asyncio.timeout(DRAIN_S):
                    await self._child.wait()
            except TimeoutError:
                continue
        await self._start()

    async def _end(self) -> None:
        if self._is_alive() and self._child is not None:
            self._child.terminate()
            await self._child.wait()

    def _is_alive(self) -> bool:
        return self._child is not None and self._child.returncode is None

    def _signalled(self) -> None:
        self._signals += 1
        self._stopping.set()
        if self._signals == 2 and self._child is not None and self._child.returncode is None:
            self._child.terminate()


def _named(changed: list[str]) -> str:
    more = f" and {len(changed) - NAMED_MAX} more" if len(changed) > NAMED_MAX else ""
    return ", ".join(changed[:NAMED_MAX]) + more
