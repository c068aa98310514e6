"""A worker says that it lives, also while a handler blocks its loop, so that people and `why` see who serves what."""

import asyncio
from collections.abc import Callable
from typing import Final

from headrace.core.commands import Beat, Leave, WorkerRecord
from headrace.core.errors import Unavailable
from headrace.engine.aside import Aside
from headrace.engine.vitals import Lag
from headrace.storage.protocol import Storage

BEAT_S: Final = 5.0
TTL_MS: Final = 15_000


class Presence:
    """The entry of one worker in the register of workers; `describe` gives it as it is now, from any thread."""

    def __init__(self, storage: Storage, describe: Callable[[], WorkerRecord]) -> None:
        self._storage = storage
        self.describe = describe
        self.lag = Lag()
        """How late the loop of the worker is."""
        self._aside = Aside(storage, "presence", self._beat, BEAT_S)

    def start(self) -> None:
        self._aside.start()

    def poke(self) -> None:
        """Say it now, because something of it has changed."""
        self._aside.poke()

    async def stop(self) -> None:
        """Say that the worker has stopped."""
        await self._aside.stop()
        try:
            await self._storage.run(Leave(self.describe().id))
        except Unavailable:
            pass  # the entry ends by itself

    async def _beat(self) -> None:
        if not self._aside.is_apart:  # else the stand-in does, more often
            self.lag.measure(asyncio.get_running_loop().call_soon)
        await self._aside.ask(Beat(self.describe(), TTL_MS))
