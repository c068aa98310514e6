"""A worker as an app gives it."""

from collections.abc import Mapping
from typing import Any

from headrace.client import Client
from headrace.schedule import declare
from headrace.task import AnyTask
from headrace.worker import Worker


class AppWorker(Worker):
    """A worker that opens its app's store, and puts the schedules of its tasks, before it starts."""

    def __init__(self, client: Client, *args: Any, tasks: Mapping[str, AnyTask], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._client = client
        self._tasks = tasks

    async def start(self) -> None:
        """Begin to claim, on the running loop. Idempotent."""
        await self._client.come_here()
        if not self._is_started and not self._is_closed:
            plans = {name: task.plan for name, task in self._tasks.items() if task.plan is not None}
            await declare(self._client, plans, {task.function.__module__ for task in self._tasks.values()})
        await super().start()
