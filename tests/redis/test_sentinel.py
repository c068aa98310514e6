"""A primary with a replica, watched by three Sentinels: workers go to the primary, whichever that is."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from headrace.core.commands import Get
from headrace.core.errors import CannotOpen
from headrace.core.jobs import JobRef
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from tests.redis.choir import Choir
from tests.servers import sentinel
from tests.servers.available import or_skip
from tests.servers.process import wait_until

FAILOVER_S = 30.0


@pytest.fixture(scope="module")
def watched() -> Iterator[sentinel.Watched]:
    with or_skip(sentinel.running()) as watched:
        yield watched


async def test_a_primary_that_no_sentinel_knows_is_said(watched: sentinel.Watched) -> None:
    with pytest.raises(CannotOpen, match="knows no primary named 'other'"):
        await RedisStore(watched.url.replace("=jobs", "=other")).open()


async def test_a_sentinel_that_does_not_answer_is_passed_over(watched: sentinel.Watched) -> None:
    store = RedisStore(watched.url.replace("://", "://127.0.0.1:1,"))
    await store.open()
    await store.close()


async def test_workers_go_on_with_the_replica_when_the_primary_dies(watched: sentinel.Watched) -> None:
    async with Choir(watched.url, watched.url) as choir:
        await choir.sing()
        first = watched.primary
        with redis.Redis(port=first.port) as client:
            client.wait(1, 5_000)  # what the replica has not seen is gone with the primary
        await asyncio.to_thread(first.kill)
        await choir.sing(FAILOVER_S)
        second = await asyncio.to_thread(lambda: watched.primary)
        assert second is not first
        refs = [JobRef(queue, job_id) for queue, job_id in choir.acknowledged]
        store = RedisStore(second.url)
        await store.open()
        found = granted(await store.run(Get(tuple(refs)))).jobs
        await store.close()
        assert [job and job.state for job in found] == ["completed"] * len(refs)
        first.start()  # it comes back as a replica, and nobody minds; a server ends with the thread that started it
        await choir.sing()


async def test_workers_follow_a_failover_by_hand(watched: sentinel.Watched) -> None:
    assert await asyncio.to_thread(lambda: wait_until(watched.is_whole, FAILOVER_S))
    async with Choir(watched.url, watched.url) as choir:
        await choir.sing()
        with redis.Redis(port=watched.sentinels[0].port, decode_responses=True) as client:
            before = watched.primary
            client.execute_command("SENTINEL", "FAILOVER", sentinel.MASTER)
        await choir.sing(FAILOVER_S)
        assert await asyncio.to_thread(lambda: wait_until(lambda: watched.primary is not before, FAILOVER_S))
        await choir.sing(FAILOVER_S)
