"""Functions that take many jobs at once: each job waits here for company, and leaves with an outcome of its own.

A job keeps its own lease, slot and timeout while it waits and while the batch runs; so nothing here knows of them. Who
is cancelled leaves the batch. When nobody is left the function is cancelled, too.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, Final

from headrace.executors.attempt import Attempt
from headrace.executors.protocol import Executor


class Batched:
    """A function of a list, with the most that one call takes and the seconds that it waits for more."""

    def __init__(self, function: Callable[[list[Any]], Any], size: int, wait_s: float) -> None:
        self.function: Final = function
        self.size: Final = size
        self.wait_s: Final = wait_s

    def __call__(self, item: object) -> object:
        """The function for one item, where nobody gathers."""
        return self.function([item])


class BatchExecutor:
    """Gathers calls; `most` is how many there can be at once, so that nobody waits when so many do."""

    def __init__(self, most: int, inline: Executor, threads: Executor) -> None:
        self.most = most
        self._inline, self._threads = inline, threads
        self._gathering: dict[Batched, _Batch] = {}
        self._running: set[asyncio.Task[None]] = set()
        # A batch belongs to no job: its function must not find the context of the one that came first.
        self._context = contextvars.copy_context()

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        assert isinstance(function, Batched)
        (item,) = (*args, *kwargs.values())
        return self._join(function, item)

    def close(self) -> None:
        pass

    async def _join(self, function: Batched, item: object) -> Any:
        batch = self._gathering.get(function)
        if batch is None:
            batch = self._gathering[function] = _Batch()
            batch.timer = asyncio.get_running_loop().call_later(function.wait_s, self._begin, function)
        place: Place = asyncio.get_running_loop().create_future()
        batch.places[place] = item
        if len(batch.places) >= function.size:
            self._begin(function)
        elif sum(len(other.places) for other in self._gathering.values()) >= self.most:
            for full in list(self._gathering):  # whoever waits, waits for slots that they hold themselves
                self._begin(full)
        try:
            attempt = await place
        except asyncio.CancelledError:
            self._leave(function, batch, place)
            raise
        if attempt.error is not None:
            raise attempt.error.with_traceback(attempt.trace)
        return attempt.result

    def _begin(self, function: Batched) -> None:
        batch = self._gathering.pop(function)
        assert batch.timer is not None
        batch.timer.cancel()
        executor = self._inline if iscoroutinefunction(function.function) else self._threads
        made = _perform(batch, function.function, executor)
        batch.task = asyncio.get_running_loop().create_task(made, context=self._context.copy())
        self._running.add(batch.task)
        batch.task.add_done_callback(self._running.discard)

    def _leave(self, function: Batched, batch: "_Batch", place: "Place") -> None:
        if batch.task is None:
            del batch.places[place]
        if all(other.done() for other in batch.places):
            if batch.task is not None:
                batch.task.cancel()
            elif batch.timer is not None:
                batch.timer.cancel()
                del self._gathering[function]


class _Share:
    """What one job of a batch leaves with. One error may be that of all: each raises it with the trace it came with."""

    __slots__ = ("error", "result", "trace")

    def __init__(self, result: Any = None, error: BaseException | None = None) -> None:
        self.result = result
        self.error = error
        self.trace = None if error is None else error.__traceback__


Place = asyncio.Future[_Share]


class _Batch:
    def __init__(self) -> None:
        self.places: dict[Place, Any] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None


async def _perform(batch: _Batch, function: Callable[[list[Any]], Any], executor: Executor) -> None:
    attempt = Attempt()
    with attempt:
        attempt.result = await executor.run(function, (list(batch.places.values()),), {})
    for place, share in zip(batch.places, _shares(attempt, len(batch.places)), strict=True):
        if not place.done():
            place.set_result(share)


def _shares(attempt: Attempt, count: int) -> list[_Share]:
    if attempt.error is not None:
        return [_Share(error=attempt.error)] * count
    results = attempt.result
    if not isinstance(results, Sequence) or isinstance(results, str | bytes):
        wrong = f"the batch returned {type(results).__name__} for {count} items; return a list with one result for each"
        return [_Share(error=TypeError(wrong))] * count
    if len(results) != count:
        wrong = f"the batch returned {len(results)} results for {count} items; return one for each, in their order"
        return [_Share(error=ValueError(wrong))] * count
    return [_Share(error=result) if isinstance(result, Exception) else _Share(result) for result in results]
