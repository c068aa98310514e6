"""The inside of a child process: takes jobs from its worker one after the other, runs them, and says how they ended.

The event loop listens to the worker while a job runs: an async function shares it, a plain one has a thread. What a
handler asks of the store travels to the worker and back, so that the worker's lease guards it.
"""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from inspect import iscoroutinefunction
from itertools import count
from typing import Any, Final, cast

import msgspec

from headrace.core import wire
from headrace.core.commands import Command
from headrace.core.errors import Unavailable
from headrace.core.jobs import Lease
from headrace.engine.home import Home
from headrace.engine.registry import Registry
from headrace.engine.run import Run, Why
from headrace.engine.runner import Runner
from headrace.executors.child import resident
from headrace.executors.inline import InlineExecutor
from headrace.executors.messages import Answer, Ask, Over, Ready, Stop, Work, heard, send
from headrace.executors.threads import ThreadExecutor

LOOK_S: Final = 0.25  # between two looks at what somebody in the child waits for
RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


class Relay:
    """The store as a child process reaches it: through its worker, from the loop of `home` and carried there."""

    def __init__(self, writer: asyncio.StreamWriter, home: Home) -> None:
        self._writer = writer
        self._home = home
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Answer]] = {}

    async def open(self) -> None:
        """The worker has it open."""

    async def close(self) -> None:
        """The worker closes it."""

    async def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`."""
        return await self._home.carry(partial(self._ask, commands))

    async def _ask(self, commands: tuple[Command[Any], ...]) -> Any:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        send(self._writer, Ask(number, msgspec.Raw(wire.write_commands(commands))))
        try:
            found = await answer
        finally:
            del self._asked[number]
        if found.problem is not None:
            raise Unavailable(problem=found.problem)
        replies = wire.read_replies(found.replies, commands)
        return replies[0] if len(commands) == 1 else replies

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """No news crosses: whoever waits looks again after a while."""
        await asyncio.sleep(min(timeout_ms / 1000, LOOK_S))
        return frozenset(topics)

    def answered(self, answer: Answer) -> None:
        """The worker has answered."""
        asked = self._asked.get(answer.number)
        if asked is not None and not asked.done():
            asked.set_result(answer)


class Here:
    """The executor inside: the function runs in this process."""

    def __init__(self) -> None:
        self._inline, self._threads = InlineExecutor(), ThreadExecutor(1)

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        return (self._inline if iscoroutinefunction(function) else self._threads).run(function, args, kwargs)

    def close(self) -> None:
        self._threads.close()


class Inside:
    """Serves one worker until it is gone; then ends this process, and its group."""

    def __init__(self, registry: Registry, relay: Relay, writer: asyncio.StreamWriter, home: Home) -> None:
        self._registry = registry
        self._relay = relay
        self._writer = writer
        self._home = home
        here = Here()
        self._runner = Runner(registry, {"inline": here, "thread": here, "process": here}, is_inside=True)
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Say that we are ready, and do what we are told."""
        send(self._writer, Ready())
        while (message := await heard(reader)) is not None:
            match message:
                case Work(lease):
                    self._begin(lease)
                case Stop(why):
                    self._stop(cast("Why", why))
                case Answer():
                    self._relay.answered(message)
                case _:
                    pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def _begin(self, lease: Lease) -> None:
        self._run = run = Run(lease, self._relay, self._home)
        self._task = asyncio.get_running_loop().create_task(self._work(run))
        handler = self._registry.find(lease.queue, lease.name)
        if handler is not None and iscoroutinefunction(handler.function):
            run.task = self._task

    async def _work(self, run: Run) -> None:
        outcome = await self._runner.outcome(run)
        run.is_over = True
        try:
            _flush()
        finally:  # the worker would wait for ever for what it is not told
            send(self._writer, Over(outcome, _memory()))

    def _stop(self, why: Why) -> None:
        """An async function is cancelled. A plain one has no task to cancel: it can only see that it should stop."""
        if self._run is not None and not self._run.is_over:
            self._run.stop(why)


def _flush() -> None:
    """Let out what the job has printed. It may have closed a stream or put something else there, or nobody reads it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


def _memory() -> int:
    """The bytes that this process holds now; where that is not told, the most that it ever held."""
    return resident(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
