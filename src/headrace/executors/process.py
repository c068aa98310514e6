"""Functions in processes of their own: one child for each job that runs, kept warm for the next.

A child is started, never forked, and finds the function anew: by importing the app and looking up the task. So one that
crashes, leaks or must be killed harms nothing but its own job.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from headrace.executors.child import Child, Errand, Rope
from headrace.executors.limits import Limits
from headrace.executors.messages import Setup
from headrace.executors.protocol import Unready

KEPT: Final = 0.5  # of `memory_max`: a child that keeps more than this after a job is replaced

_log: Final = logging.getLogger("headrace")


class ProcessExecutor:
    """Up to `size` children; `errand` makes of the run that is under way what a child is given."""

    def __init__(self, size: int, setup: Setup, errand: Callable[[], Errand]) -> None:
        self.size = size
        self._setup = setup
        self._errand = errand
        self._rope: Rope | None = None
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._is_closed = False

    async def warm(self) -> None:
        """Start the first child, to learn that the app can be loaded: `Unready` if it cannot."""
        self._idle.append(await self._start())

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        """Run the job that is under way. The child reads its arguments itself, so those given here do not travel."""
        del function, args, kwargs
        return self._run(self._errand())

    def close(self) -> None:
        """Kill all children. Idempotent."""
        self._is_closed = True
        for child in self._children:
            child.kill()
        if self._rope is not None:
            self._rope.close()
            self._rope = None

    async def ended(self) -> None:
        """Wait until all children are gone, after `close`."""
        for child in list(self._children):
            await child.ended()
        self._children.clear()

    async def _run(self, errand: Errand) -> Any:
        child = await self._take(errand.limits)
        try:
            outcome = await child.work(errand)
        except asyncio.CancelledError:
            try:
                await child.stop(errand.why, errand.grace_s)
            except asyncio.CancelledError:
                child.kill()
                raise
            raise
        finally:
            self._give_back(child, errand.limits)
        return errand.result(outcome)

    async def _take(self, limits: Limits) -> Child:
        """The child that worked last, if this task may use it: what it needs is likely to be in memory."""
        self._children = {child for child in self._children if not child.is_ended}
        self._idle = [child for child in self._idle if not child.is_gone]
        for child in reversed(self._idle):
            if limits.recycle is None or child.jobs < limits.recycle:
                self._idle.remove(child)
                return child
        if self._idle and len(self._children) >= self.size:
            self._idle.pop(0).kill()
        return await self._start()

    async def _start(self) -> Child:
        if self._is_closed:
            raise Unready("the worker is closed")
        self._rope = rope = self._rope or Rope()
        try:
            child = await Child.start(self._setup, rope)
        except TimeoutError:
            raise Unready("the child process takes too long to load the app") from None
        self._children.add(child)
        if self._rope is not rope:
            child.kill()  # we were closed meanwhile
        return child

    def _give_back(self, child: Child, limits: Limits) -> None:
        is_used_up = limits.recycle is not None and child.jobs >= limits.recycle
        if limits.memory_max is not None and child.memory > limits.memory_max * KEPT:
            _log.info("a child process keeps %d bytes after its job and is replaced", child.memory)
            is_used_up = True
        if is_used_up or child.is_gone:
            child.kill()
        else:
            self._idle.append(child)
