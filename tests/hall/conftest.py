"""An app on each store that is complete."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import headrace
from headrace.core.commands import Remove
from headrace.core.jobs import STATES


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[headrace.App]:
    """An app of its own for the test, on a store of its own."""
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/headrace.db"}.get(request.param)
    prefix = None
    if url is None:
        url = request.getfixturevalue("valkey_url")
        prefix = request.getfixturevalue("prefix_on")(url)
    made = headrace.App(settings=headrace.Settings(url=url, prefix=prefix, poll=30.0))
    async with made:
        yield made
        for queue in await made.queues():
            await made.storage.run(Remove(queue=queue.name, states=STATES))
