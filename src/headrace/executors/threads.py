"""Plain functions run in threads.

The threads are daemons, unlike those of `concurrent.futures`: a function that was told to stop and does not must not
keep the process from ending, because its job has been given back already.
"""

import asyncio
import contextvars
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from headrace.executors.attempt import Attempt

STRAYS_MAX: Final = 64  # threads beyond `size` that may stand in for those that do not stop

_log: Final = logging.getLogger("headrace")
_numbers: Final = itertools.count(1)

Answer: TypeAlias = "asyncio.Future[Any]"
Call: TypeAlias = tuple[asyncio.AbstractEventLoop, Answer, Callable[[], Any]]


class ThreadExecutor:
    """Up to `size` threads, started as they are needed; used from one loop."""

    def __init__(self, size: int) -> None:
        self.strays = 0
        """Threads that still run although their call was given up."""
        self.size = size
        self._threads = 0
        self._idle = 0
        self._calls: SimpleQueue[Call | None] = SimpleQueue()

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._make_room()
        context = contextvars.copy_context()
        self._calls.put((loop, answer, lambda: context.run(_checked, function, args, kwargs)))
        return self._wait(answer)

    def close(self) -> None:
        for _ in range(self._threads):
            self._calls.put(None)
        self._threads = self._idle = 0

    async def _wait(self, answer: Answer) -> Any:
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.cancelled():
                self.strays += 1
                if self.strays >= STRAYS_MAX:
                    _log.error("%d threads do not stop; handlers must look at context().cancelled", self.strays)
            elif answer.done():
                answer.exception()  # seen, so that asyncio does not call it forgotten
            raise

    def _make_room(self) -> None:
        if self._idle <= 0 and self._threads < self.size + min(self.strays, STRAYS_MAX):
            self._threads += 1
            name = f"headrace-job-{next(_numbers)}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        else:
            self._idle -= 1  # below zero: calls that wait for a thread to become free

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            loop, answer, function = call
            attempt = Attempt()
            if not answer.cancelled():
                with attempt:
                    attempt.result = function()
            try:
                loop.call_soon_threadsafe(self._finish, answer, attempt)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            del call, answer, function, attempt  # an idle thread keeps nothing alive

    def _finish(self, answer: Answer, attempt: Attempt) -> None:
        self._idle += 1
        if answer.cancelled():
            self.strays -= 1
        elif attempt.error is not None:
            answer.set_exception(attempt.error)
        else:
            answer.set_result(attempt.result)


def _checked(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error  # a future cannot carry it
