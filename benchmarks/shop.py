"""The app that is measured: one task, which does nothing."""

from pathlib import Path
from typing import Final

import headrace
from headrace.task import AsyncTask

QUEUE: Final = "bench"
BULK: Final = 1_000  # jobs in one enqueue_many

NothingTask = AsyncTask[[int], None]


def open_shop(path: Path) -> tuple[headrace.App, NothingTask]:
    """An app on this file, with no setting from anywhere else, and its task."""
    app = headrace.App(settings=headrace.Settings(url=f"sqlite:///{path}"))

    @app.task(queue=QUEUE)
    async def nothing(n: int) -> None:
        pass

    return app, nothing


async def stock(app: headrace.App, task: NothingTask, count: int) -> None:
    """Add so many jobs, in bulk."""
    for start in range(0, count, BULK):
        await app.enqueue_many([task.call(n) for n in range(start, min(start + BULK, count))])
