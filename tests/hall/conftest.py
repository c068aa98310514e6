"""An app on each store that is complete."""

import uuid
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
        url, prefix = request.getfixturevalue("valkey_url"), f"t{uuid.uuid4().hex[:8]}"
    made = headrace.App(settings=headrace.Settings(url=url, prefix=prefix, poll=30.0))
    async with made:
        yield made
        for queue in await made.queues():
            await made.storage.run(Remove(queue=queue.name, states=STATES))
