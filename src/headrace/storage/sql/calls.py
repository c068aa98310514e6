"""Calls: commands on their way to the store, and what became of them."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import islice
from typing import Any

from headrace.core.commands import Add, Added, Command
from headrace.core.jobs import NewJob
from headrace.storage.sql.lite import Apart, Joint, Runs, added


class Call:
    """Some commands on their way through a lane: for a future, or for a thread that waits.

    A durable one is answered when the disk has what it did.
    """

    __slots__ = ("commands", "done", "error", "future", "is_applied", "is_durable", "replies")

    def __init__(
        self, commands: tuple[Command[Any] | Joint, ...], future: "asyncio.Future[Any] | None", *, is_durable: bool
    ) -> None:
        self.commands = commands
        self.future = future
        self.is_durable = is_durable
        self.is_applied = False
        self.done = threading.Event() if future is None else None
        self.replies: list[Any] = []
        self.error: Exception | None = None

    def parts(self) -> "Sequence[Call]":
        """What to try by itself when the group of this call failed."""
        return (self,)

    def result(self) -> Any:
        """The reply, or the tuple of replies, or the error raised."""
        if self.error is not None:
            raise self.error
        return self.replies[0] if len(self.commands) == 1 else tuple(self.replies)

    def resolve(self) -> None:
        """Hand the result to the future of the call; on the loop of the caller."""
        future = self.future
        if future is None or future.done():
            return
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.replies[0] if len(self.replies) == 1 else tuple(self.replies))


class Joined(Call):
    """Fresh Adds of one turn of the event loop as one call: a lane handles one thing instead of a hundred.

    What one thread made is slow to touch for another, so whatever can be done on the loop of the callers is done there.
    """

    __slots__ = ("_futures", "_jobs", "_parts", "_requests")

    def __init__(self, add: Add, future: "asyncio.Future[Any]") -> None:
        self._jobs: list[NewJob] = []
        self._requests: list[tuple[str | None, int]] = []
        super().__init__((Joint(self._jobs, self._requests),), future, is_durable=True)
        self._futures: list[asyncio.Future[Any]] = []
        self._parts: list[Call] = []
        self.join(add, future)

    def join(self, add: Add, future: "asyncio.Future[Any]") -> None:
        """Take one more."""
        jobs = add.jobs
        self._jobs += jobs
        self._requests.append((add.request_id, len(jobs)))
        self._futures.append(future)

    def parts(self) -> Sequence[Call]:
        jobs = iter(self._jobs)
        self._parts = [
            Call((Add(tuple(islice(jobs, count)), request_id),), future, is_durable=True)
            for (request_id, count), future in zip(self._requests, self._futures, strict=True)
        ]
        return self._parts

    def resolve(self) -> None:
        if self._parts:
            for call in self._parts:
                call.error = call.error or self.error
                call.resolve()
        elif self.error is not None:
            for future in self._futures:
                if not future.done():
                    future.set_exception(self.error)
        else:
            self._hand_out(self.replies[0])

    def _hand_out(self, runs: Runs | Apart) -> None:
        if isinstance(runs, Apart):
            for future, reply in zip(self._futures, runs.replies, strict=True):
                if not future.done():
                    future.set_result(reply)
            return
        refs = added(runs).jobs
        at = 0
        for future, (_, count) in zip(self._futures, self._requests, strict=True):
            if not future.done():
                future.set_result(Added(refs[at : at + count]))
            at += count
