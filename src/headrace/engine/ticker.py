"""The loop that every loop of the engine is: start, beat, survive, poke, stop. Written once.

A beat that raises is reported and repeated after a pause that grows with every failure in a row; nothing that a beat
raises ends the loop. What is temporary (`retryable`) is a warning of one line, the rest is logged with its trace.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from headrace.core.errors import HeadraceError

PAUSE_MIN_S: Final = 0.1
PAUSE_MAX_S: Final = 3.0
JITTER: Final = 0.1  # of every interval; pauses after errors are spread over half of themselves

_log: Final = logging.getLogger("headrace")


class Ticker:
    """Calls `beat` every `every_s` seconds, the first time at once. With 0 the next beat follows the last."""

    def __init__(
        self,
        name: str,
        beat: Callable[[], Awaitable[None]],
        every_s: float = 0.0,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.every_s = every_s
        self.failures = 0
        """Beats in a row that failed."""
        self._beat = beat
        self._chance = chance
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False
        self._is_poked = False
        self._sleeper: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin to beat, on the running loop. Once."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run(), name=f"headrace-{self.name}")

    async def run(self) -> None:
        """Beat in the current task until `end`, or until this is cancelled."""
        while not self._is_ending:
            await self._sleep(self.every_s * (1 - JITTER * self._chance()) if await self._try() else self._pause_s())

    def poke(self) -> None:
        """Beat now, or once more if a beat is under way. A pause after an error is not cut short."""
        self._is_poked = True
        if self.failures == 0:
            self._wake()

    def end(self) -> None:
        """Let the beat that is under way come to its end; none follows."""
        self._is_ending = True
        self._wake()

    async def ended(self) -> None:
        """Wait until the loop has ended. To cancel this does not end it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def cancel(self) -> None:
        """Cancel the beat that is under way; none follows."""
        self.end()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """As `cancel`, and wait until the loop has ended. Idempotent."""
        self.cancel()
        await self.ended()

    async def _try(self) -> bool:
        self._is_poked = False
        try:
            await self._beat()
        except Exception as error:
            self.failures += 1
            self._report(error)
            return False
        if self.failures:
            _log.info("%s works again", self.name)
            self.failures = 0
        return True

    def _report(self, error: Exception) -> None:
        if self.failures & (self.failures - 1):
            return  # the 1st, 2nd, 4th, 8th … say enough of an outage
        if isinstance(error, HeadraceError) and error.retryable:
            _log.warning("%s: %s (failure %d in a row)", self.name, error, self.failures)
        else:
            _log.error("%s failed (%d in a row)", self.name, self.failures, exc_info=error)

    def _pause_s(self) -> float:
        longest: float = min(PAUSE_MIN_S * 2 ** min(self.failures, 10), PAUSE_MAX_S)
        return longest * (0.5 + 0.5 * self._chance())

    async def _sleep(self, seconds: float) -> None:
        if self._is_ending or (self._is_poked and not self.failures) or (not seconds and not self.failures):
            return
        loop = asyncio.get_running_loop()
        self._sleeper = sleeper = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleeper = None

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
