"""Worker processes and who looks after them: started, started again when they die, told to stop.

A child is in a process group of its own, so that Ctrl-C reaches it once, from us. It holds the reading end of a pipe
whose writing end only we have: when we die, however that happens, it sees the end of the pipe and drains.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from headrace.cli.failure import Exit, say
from headrace.cli.options import Where

PAUSE_MIN_S: Final = 0.5
PAUSE_MAX_S: Final = 30.0
HEALTHY_S: Final = 60.0  # a process that lived so long starts again after the shortest pause
FUTILE: Final = frozenset({Exit.USAGE, Exit.NOT_FOUND, Exit.DENIED, Exit.MISCONFIGURED})
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def command_of(
    app: str, queues: Sequence[str] | None, concurrency: int | None, rate: str | None, common: Where
) -> list[str]:
    """The command line of one worker process."""
    command = [sys.executable, "-m", "headrace", "worker", app, "--processes", "1"]
    for queue in queues or ():
        command += ["--queue", queue]
    if concurrency is not None:
        command += ["--concurrency", str(concurrency)]
    if rate is not None:
        command += ["--rate", rate]
    if common.url is not None:
        command += ["--url", common.url]
    return [*command, "--debug"] if common.debug else command


class Rope:
    """The pipe that ties children to this process."""

    def __init__(self) -> None:
        self._end, self._ours = os.pipe()

    async def spawn(self, command: Sequence[str]) -> Process:
        """Start a worker process that ends when we do."""
        return await asyncio.create_subprocess_exec(
            *command,
            "--tied-to",
            str(self._end),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(self._end,),
            start_new_session=True,  # and so in a group of its own; uvloop knows no process_group
        )

    def close(self) -> None:
        os.close(self._end)
        os.close(self._ours)


def tie(end: int) -> None:
    """In a child: drain when the process at the other end of the pipe is gone."""
    os.set_inheritable(end, False)  # the programs that jobs start hold nothing
    loop = asyncio.get_running_loop()

    def parted() -> None:
        loop.remove_reader(end)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(end, parted)


class Fleet:
    """`count` processes of one command."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = command
        self._count = count
        self._rope = Rope()
        self._children: set[Process] = set()
        self._signals = 0
        self._stopping = asyncio.Event()
        self._exit: int = Exit.OK

    async def run(self) -> int:
        """Keep them running until a signal, and give the exit code: 0 if all of them drained."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signalled)
        try:
            async with asyncio.TaskGroup() as group:
                for place in range(self._count):
                    group.create_task(self._keep(place + 1))
        finally:
            self._rope.close()
        return self._exit

    async def _keep(self, number: int) -> None:
        pause = PAUSE_MIN_S
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            code = await self._live()
            if self._stopping.is_set():
                self._exit = self._exit or _exit_of(code)
                return
            if code in FUTILE:
                self._exit = code
                self._stop()  # it would say the same again
                return
            if asyncio.get_running_loop().time() - began >= HEALTHY_S:
                pause = PAUSE_MIN_S
            say(f"worker process {number} ended {_how(code)}; it starts again in {pause:g} s")
            await self._rest(pause)
            pause = min(pause * 2, PAUSE_MAX_S)

    async def _live(self) -> int:
        child = await self._rope.spawn(self._command)
        self._children.add(child)
        if self._stopping.is_set():
            _send(child, signal.SIGTERM)  # the signal came while it was being started
        try:
            return await child.wait()
        finally:
            self._children.discard(child)

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals <= 2:
            self._stop()

    def _stop(self) -> None:
        # Not the same signal twice: of two that are pending, a busy machine delivers one.
        number = signal.SIGINT if self._stopping.is_set() else signal.SIGTERM
        self._stopping.set()
        for child in self._children:
            _send(child, number)


def _send(child: Process, number: signal.Signals) -> None:
    """Not by the child's own method, which may reap it before the loop does, and lose its exit code."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)


def _exit_of(code: int) -> int:
    """A child that the signal met before it was ready had nothing to drain."""
    return Exit.OK if code == Exit.OK or -code in SIGNALS else Exit.FAILED


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
