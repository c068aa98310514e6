"""When to claim again after a claim that came back short.

When a topic of the queues moves, when the time comes that the reply named, and once every poll interval. A topic that
moves while a claim is on its way is counted in `news`: the claim may not have seen it, so its reply does not make us
dry. Without that a wake-up could fall between the two, and cost a poll interval.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Final

from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage

WAIT_MIN_S: Final = 0.001
JITTER: Final = 0.1  # of the poll interval, so that workers that started together do not stay together


class Thirst:
    """Whether a pump has run dry, and what ends that. `quenched` is called when it ends."""

    def __init__(self, storage: Storage, topics: Collection[str], poll_ms: int, quenched: Callable[[], None]) -> None:
        self.is_dry = False
        self.news = 0
        """How often a topic has moved."""
        self._storage = storage
        self._topics = topics
        self._poll_ms = poll_ms
        self._quenched = quenched
        self._thirsty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ticker = Ticker("pump-wait", self._watch)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        await self._ticker.stop()
        self._set_timer(None)

    def dry(self, wait_ms: int | None, news: int) -> None:
        """A claim that left when `news` was what is given came back short; the store says to wait `wait_ms`."""
        if news != self.news:
            return
        self.is_dry = True
        self._thirsty.set()
        poll_s = self._poll_ms / 1000 * (1 - JITTER * random.random())
        self._set_timer(poll_s if wait_ms is None else max(WAIT_MIN_S, min(wait_ms / 1000, poll_s)))

    def quench(self) -> None:
        """Asking makes sense again."""
        if self.is_dry:
            self.is_dry = False
            self._thirsty.clear()
            self._set_timer(None)
            self._quenched()

    async def _watch(self) -> None:
        await self._thirsty.wait()
        # One task waits for ever, because a store counts what moves between two waits of a task. It goes on waiting
        # while the pump is not dry for a moment; a wait that ends without news is the timer's affair.
        if await self._storage.wait(self._topics, self._poll_ms):
            self.news += 1
            self.quench()

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if seconds is None else loop.call_later(seconds, self.quench)
