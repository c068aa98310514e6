"""A server is killed while its disk syncs: `appendfsync` decides whether that costs what it acknowledged meanwhile.

What each setting gives, and what a slow disk costs in figures, says `docs/howto/redis-safety.md`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headrace.core.commands import Add
from headrace.core.errors import Unavailable
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from headrace.testing import FrozenClock
from tests.history.final import final_of
from tests.servers import redis7, valkey
from tests.servers.available import or_skip
from tests.servers.disk import Disk, slow

WITHIN_S = 10  # the server begins a sync, once a second at least
ENGINES = pytest.mark.parametrize("engine", [valkey, redis7], ids=["valkey", "redis7"])


@asynccontextmanager
async def store(server: valkey.Valkey) -> AsyncIterator[RedisStore]:
    opened = RedisStore(server.url, prefix="slow", clock=FrozenClock())
    await opened.open()
    yield opened
    await opened.close()


async def add(opened: RedisStore, name: str) -> None:
    granted(await opened.run(Add((NewJob("q", name),))))


async def names(server: valkey.Valkey) -> set[str]:
    async with store(server) as opened:
        return {job.name for job in (await final_of(opened)).records.values()}


async def syncs(disk: Disk) -> None:
    assert await asyncio.to_thread(disk.syncs.wait, WITHIN_S), "no sync has begun; this run says nothing"


@ENGINES
async def test_with_everysec_a_kill_costs_what_was_acknowledged_during_a_sync(engine: Any) -> None:
    with or_skip(engine.running(appendfsync="everysec")) as server:
        async with store(server) as opened:
            await add(opened, "early")
        with or_skip(slow(server)) as disk:
            async with store(server) as opened:
                disk.hold()
                await add(opened, "first")  # for which the server syncs, if it does not yet
                await syncs(disk)
                await add(opened, "late")
                server.kill()
        server.start()
        found = await names(server)
        assert "early" in found
        assert "late" not in found


@ENGINES
async def test_with_always_nothing_is_acknowledged_before_its_sync_has_ended(engine: Any) -> None:
    with or_skip(engine.running(appendfsync="always")) as server:
        with or_skip(slow(server)) as disk:
            async with store(server) as opened:
                await add(opened, "early")
                disk.hold()
                late = asyncio.ensure_future(add(opened, "late"))
                await syncs(disk)
                server.kill()
                with pytest.raises(Unavailable):
                    await late
        server.start()
        assert "early" in await names(server)
