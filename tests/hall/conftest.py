"""An app on each store that is complete."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import headrace
from headrace.core.commands import Remove
from headrace.core.jobs import STATES


@pytest.fixture(params=["memory", "sqlite"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[headrace.App]:
    """An app of its own for the test, on a store of its own."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"
    made = headrace.App(settings=headrace.Settings(url=url, poll=30.0))
    async with made:
        yield made
        for queue in await made.queues():
            await made.storage.run(Remove(queue=queue.name, states=STATES))
