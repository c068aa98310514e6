"""What reaches a worker from outside: somebody asks that a job it runs be cancelled.

The topic says only that something was asked of somebody; the renewal of the leases brings the answer.
"""

from collections.abc import Callable
from typing import Final

from headrace.core import topics
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage

POLL_MS: Final = 5_000
CALM_S: Final = 0.05  # between two looks, so that a thousand cancellations are not a thousand renewals


class Control:
    """Calls `asked` when the control topic has moved."""

    def __init__(self, storage: Storage, asked: Callable[[], None]) -> None:
        self._storage = storage
        self._asked = asked
        self._ticker = Ticker("control", self._beat, CALM_S)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        await self._ticker.stop()

    async def _beat(self) -> None:
        if await self._storage.wait({topics.CONTROL}, POLL_MS):
            self._asked()
