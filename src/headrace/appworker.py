"""A worker as an app gives it."""

from typing import Any

from headrace.client import Client
from headrace.worker import Worker


class AppWorker(Worker):
    """A worker that opens its app's store before it starts."""

    def __init__(self, client: Client, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client = client

    async def start(self) -> None:
        """Begin to claim, on the running loop. Idempotent."""
        await self._client.come_here()
        await super().start()
