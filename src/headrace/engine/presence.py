"""A worker says that it lives, so that people and `why` can see who serves what."""

from collections.abc import Callable
from typing import Final

from headrace.core.commands import Beat, Leave, WorkerRecord
from headrace.core.errors import Unavailable
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

BEAT_S: Final = 5.0
TTL_MS: Final = 15_000


class Presence:
    """The entry of one worker in the register of workers; `describe` gives it as it is now."""

    def __init__(self, storage: Storage, describe: Callable[[], WorkerRecord]) -> None:
        self._storage = storage
        self._describe = describe
        self._ticker = Ticker("presence", self._beat, BEAT_S)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        """Say that the worker has stopped."""
        await self._ticker.stop()
        try:
            await self._storage.run(Leave(self._describe().id))
        except Unavailable:
            pass  # the entry ends by itself

    async def _beat(self) -> None:
        reply = await self._storage.run(Beat(self._describe(), TTL_MS))
        granted(reply)
