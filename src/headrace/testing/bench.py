"""An app on a store of its own, for the time of one test."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from headrace import storage
from headrace.app import App
from headrace.core.commands import DropSchedule, Forget, Queues, Recover, Remove, Schedules
from headrace.core.errors import Misuse
from headrace.core.jobs import STATES
from headrace.core.settings import masked
from headrace.storage.protocol import Storage, granted
from headrace.testing.clock import FrozenClock
from headrace.testing.enqueued import Enqueued, NotingStore
from headrace.testing.faults import Faults, FaultyStore

R = TypeVar("R")

MEMORY: Final = "memory://"
AGES_MS: Final = 10 * 365 * 86_400_000
"""Longer than any lease."""


class RunUntilIdle:
    """Runs the jobs of an app, in this process, until nothing can be claimed; await it, or call its `sync`."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, *queues: str) -> int:
        """Work on these queues, or all that have tasks, on the running loop: how many outcomes were recorded.

        Delayed jobs run if they are due by the clock; a retry without a pause runs, another one waits for its tick.
        What a handler raises is the failure of its job, not of the test. `Misuse` if the app has no tasks.
        """
        return await self._app.worker(*queues).run_until_idle()

    def sync(self, *queues: str) -> int:
        """The same where no event loop runs."""
        home = self._app._home  # pyright: ignore[reportPrivateUsage]
        return home.block("run_until_idle", lambda: self(*queues))


class Bench:
    """Puts an app on a fresh store at `url` until the block ends, and the store's time on a frozen `clock`.

    On a Redis that others use, too, `prefix` gives it keys of its own, whatever prefix the app has.
    A store that outlives the test must have no jobs before, `Misuse` otherwise, and has none after. What the app kept
    elsewhere is not touched. The app must not be in use when the block begins: `Misuse`.
    """

    def __init__(
        self,
        app: App,
        url: str = MEMORY,
        *,
        prefix: str | None = None,
        clock: FrozenClock | None = None,
        seed: int = 0,
    ) -> None:
        self.app = app
        self.clock = clock or FrozenClock()
        self.faults = Faults(seed)
        self.enqueued = Enqueued()
        self.run_until_idle = RunUntilIdle(app)
        self._url, self._prefix = url, prefix
        self._made: list[Storage] = []
        self._before: Callable[[], Storage] | None = None

    def __enter__(self) -> Self:
        if self._url != MEMORY or self._prefix:  # which memory refuses
            _aside(lambda: _check_empty(self._url, self._prefix))
        self._made.clear()
        self.enqueued.jobs.clear()
        self._before = self.app.use_store(self._make)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = self.app._home.loop  # pyright: ignore[reportPrivateUsage]
        if loop is not None and loop.is_running():
            self.app.close.sync()
        self._give_back()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.app.close()
        self._give_back()

    def _give_back(self) -> None:
        # An app whose loop has ended cannot close any more: its stores are closed for it.
        _aside(self._close_all)
        assert self._before is not None
        self.app.use_store(self._before)
        if self._url != MEMORY:
            _aside(lambda: _empty(self._url, self._prefix, self.clock.now + AGES_MS))

    def _make(self) -> Storage:
        """What the app uses from here on; again when its loop has ended."""
        if self._url != MEMORY or not self._made:
            self._made.append(storage.open(self._url, prefix=self._prefix, clock=self.clock))
        return NotingStore(FaultyStore(self._made[-1], self.faults), self.enqueued)

    async def _close_all(self) -> None:
        for made in self._made:
            with suppress(RuntimeError):  # connections cannot take leave of a loop that has ended, and end with it
                await made.close()


async def _check_empty(url: str, prefix: str | None) -> None:
    store = storage.open(url, prefix=prefix)
    await store.open()
    try:
        queues = granted(await store.run(Queues())).queues
        schedules = granted(await store.run(Schedules())).schedules
    finally:
        await store.close()
    full = [queue.name for queue in queues if any(queue.counts.values())] + [one.name for one in schedules]
    if full:
        where = f"the store at {masked(url)} has jobs or schedules, in {', '.join(full)}"
        raise Misuse(f"{where}; give your tests a store of their own")


async def _empty(url: str, prefix: str | None, later: int) -> None:
    store = storage.open(url, prefix=prefix, clock=lambda: later)
    await store.open()
    try:
        while granted(await store.run(Recover())).jobs:  # what nobody settled cannot be removed before
            pass
        for queue in granted(await store.run(Queues())).queues:
            await _remove_all(store, queue.name)
        while schedules := granted(await store.run(Schedules())).schedules:
            for schedule in schedules:
                granted(await store.run(DropSchedule(schedule.name)))
    finally:
        await store.close()


async def _remove_all(store: Storage, queue: str) -> None:
    while granted(await store.run(Remove(queue=queue, states=STATES))).jobs:
        pass
    granted(await store.run(Forget(queue)))


def _aside(make: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run this on a loop of its own in a thread of its own: here a loop may run, or be another plugin's."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(lambda: asyncio.run(make())).result()
