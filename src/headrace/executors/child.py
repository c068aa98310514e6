"""One child process of a worker: started, given jobs one after the other, told to stop, killed.

It leads a process group of its own, so that a signal to the worker's terminal does not reach it, and a kill takes along
the programs that its job has started. It cannot outlive the worker: see `Rope`.
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from typing import Final, Protocol

from headrace.core.jobs import Lease
from headrace.core.outcomes import Outcome
from headrace.executors.limits import Limits
from headrace.executors.messages import Answer, Ask, Over, Ready, Setup, Stop, Work, send, told
from headrace.executors.protocol import Died, Unready

PROGRAM: Final = "headrace.child"
START_MAX_S: Final = 60.0  # to load the app
DYING_S: Final = 1.0  # from the end of its pipe to its own end, which says how it died
LOOK_S: Final = 0.1  # between two looks at the memory of a child that has a bound
STATM: Final = "/proc/{pid}/statm"


class Errand(Protocol):
    """A job for a child, and whoever answers what the child asks meanwhile."""

    @property
    def lease(self) -> Lease: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def why(self) -> str:
        """Why it is to stop."""
        ...

    @property
    def grace_s(self) -> float:
        """How long it may take to stop."""
        ...

    async def answer(self, ask: Ask) -> Answer: ...
    def result(self, outcome: Outcome | None) -> object:
        """What the job returned; raised if it is something else."""
        ...


class Rope:
    """A pipe that ties children to this process: when our end is gone, for whatever reason, the kernel kills them."""

    def __init__(self) -> None:
        self.theirs, self._ours = os.pipe()

    def close(self) -> None:
        os.close(self.theirs)
        os.close(self._ours)


def tie(end: int) -> None:
    """In a child: be killed, with the whole process group, when the worker is gone.

    On Linux the kernel sees to it, whatever the child is doing. Elsewhere its event loop does, when it comes to it.
    """
    os.set_inheritable(end, False)
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(end, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)


class Child:
    """A running child process; on the loop that started it."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.jobs = 0
        """Jobs that it was given."""
        self.memory = 0
        """Bytes it held after its last job."""
        self.is_gone = False
        """Whether it can be given no more jobs."""
        self._is_killed = False
        self._process = process
        self._reader = reader
        self._writer = writer
        self._errand: Errand | None = None
        self._over: asyncio.Future[Outcome | None] | None = None
        self._is_ready = asyncio.Event()
        self._problem: Exception | None = None
        self._exit = asyncio.get_running_loop().create_task(process.wait())
        # A program that it has started may hold the other end of the pipe; so its end is heard of in two ways.
        self._exit.add_done_callback(lambda _: writer.close())
        self._listener = asyncio.get_running_loop().create_task(self._listen(), name="headrace-child")

    @property
    def is_ended(self) -> bool:
        """Whether nothing is left of it."""
        return self._listener.done()

    @classmethod
    async def start(cls, setup: Setup, rope: Rope) -> "Child":
        """A child that has loaded the app: `Unready` if it cannot."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                ends = (theirs.fileno(), rope.theirs)
                command = [sys.executable, "-m", PROGRAM, *map(str, ends)]
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=DEVNULL, pass_fds=ends, start_new_session=True
                )
            child = cls(process, *await asyncio.open_connection(sock=ours))
        except BaseException:
            ours.close()  # at that end it stops by itself
            raise
        send(child._writer, setup)
        try:
            async with asyncio.timeout(START_MAX_S):
                await child._is_ready.wait()
        except BaseException:
            child.kill()
            await child.ended()
            raise
        if child.is_gone:
            raise Unready(f"the child process {_how(process)} before it was ready; what it said is on stderr")
        return child

    async def work(self, errand: Errand) -> Outcome | None:
        """Run a job to its outcome: `Died` if the process dies, `MemoryError` if it was killed for what it used."""
        loop = asyncio.get_running_loop()
        self.jobs += 1
        self._errand = errand
        self._over = loop.create_future()
        if self.is_ended:
            self._lose()
        send(self._writer, Work(errand.lease))
        bound = errand.limits.memory_max
        watch = None if bound is None else loop.create_task(self._watch(bound))
        try:
            return await asyncio.shield(self._over)
        finally:
            if watch is not None:
                watch.cancel()

    async def stop(self, why: str, grace_s: float) -> None:
        """Ask the job to end, and wait for that; after `grace_s` kill the process."""
        if self._over is None:
            return
        send(self._writer, Stop(why))
        done, _ = await asyncio.wait([self._over], timeout=grace_s)
        if done:
            self._over.exception()  # seen: how it ended is no longer asked
        else:
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """End the process and all that it has started. Idempotent."""
        if self._is_killed:
            return
        self._is_killed = self.is_gone = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended by itself, and left nothing behind

    async def ended(self) -> None:
        """Wait until it is gone, after `kill`."""
        await asyncio.wait([self._listener])

    async def _listen(self) -> None:
        try:
            while (message := await told(self._reader)) is not None:
                match message:
                    case Over(outcome, memory):
                        self.memory = memory
                        if self._over is not None and not self._over.done():
                            self._over.set_result(outcome)
                    case Ask() if self._errand is not None:
                        send(self._writer, await self._errand.answer(message))
                    case Ready():
                        self._is_ready.set()
                    case _:
                        pass
        finally:
            self.is_gone = True
            self._writer.close()
            await asyncio.wait([self._exit], timeout=DYING_S)
            self.kill()
            await self._exit
            self._lose()
            self._is_ready.set()

    def _lose(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(self._problem or Died(f"the child process {_how(self._process)}"))
            self._over.exception()  # seen: whoever gave up does not ask

    async def _watch(self, bound: int) -> None:
        """Kill the process when it uses more memory than that. Only where the kernel tells how much it is."""
        used = 0
        while used <= bound:
            await asyncio.sleep(LOOK_S)
            used = resident(self._process.pid)
        self._problem = MemoryError(f"the job used {used} bytes of memory; its task has memory_max={bound}")
        self.kill()


def resident(pid: int) -> int:
    """The bytes of memory that a process uses, 0 if the kernel does not tell."""
    try:
        return int(Path(STATM.format(pid=pid)).read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


def _how(process: Process) -> str:
    code = process.returncode
    if code is None:
        return "closed its pipe"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
