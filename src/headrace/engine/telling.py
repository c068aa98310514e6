"""What a worker tells its hooks of jobs that failed for good, and of those that stalled."""

import asyncio
import logging
from typing import Final

from headrace.core.jobs import Failure, JobRef, Lease
from headrace.engine.hooks import Hooks, tell

_log: Final = logging.getLogger("headrace")


class Telling:
    """Tells of failures while the worker goes on; `ended` waits for what is still being told."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._tasks: set[asyncio.Task[None]] = set()

    def failed(self, lease: Lease, failure: Failure | None) -> None:
        if self._hooks.failed and failure is not None:
            task = asyncio.get_running_loop().create_task(tell(self._hooks.failed, lease, failure))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stalled(self, refs: tuple[JobRef, ...]) -> None:
        _log.warning("%d jobs stalled and were given back: %s", len(refs), ", ".join(map(str, refs[:10])))
        for ref in refs if self._hooks.stalled else ():
            await tell(self._hooks.stalled, ref)

    async def ended(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)
