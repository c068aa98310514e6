"""One job in a worker's hands: its lease, its task, and who told it to stop."""

import asyncio
from contextvars import ContextVar
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.core.commands import Settlement
from headrace.core.jobs import JobRef, Lease
from headrace.engine.home import Home
from headrace.storage.protocol import Storage

Why: TypeAlias = Literal["cancelled", "crashed", "lease-lost", "put-back", "timeout"]


class Run(Struct, eq=False):
    """A claimed job until its outcome is recorded. Belongs to the loop of its worker."""

    lease: Lease
    storage: Storage
    home: Home
    task: asyncio.Task[None] | None = None
    has_begun: bool = False
    has_added: bool = False
    """Whether the handler has added children."""
    children: set[JobRef] | None = None
    """The children that the job has had, once somebody had to know."""
    why: Why | None = None
    """Why the handler was told to stop, if it was."""
    reason: str = ""
    """What was said when somebody asked to cancel the job."""
    settlement: Settlement | None = None
    """What is to be recorded, once that is known."""
    is_over: bool = False
    """Nothing that the handler still does counts."""
    tries: int = 0

    def stop(self, why: Why, reason: str = "") -> None:
        """Tell the handler to stop.

        A run that has not begun ends when it begins: its task must not be cancelled, because a coroutine that is
        cancelled before its first step never comes to report its end.
        """
        if self.settlement is not None or self.is_over or self.why == "lease-lost":
            return
        is_first = self.why is None
        if is_first or why == "lease-lost":
            self.why, self.reason = why, reason
        if is_first and self.has_begun and self.task is not None:
            self.task.cancel()


running: Final[ContextVar[Run | None]] = ContextVar("headrace-run", default=None)
"""The run whose handler is executing here; threads of a handler inherit it."""
