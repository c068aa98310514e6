"""The network between workers and Redis is slow, cuts connections, or lets them die in silence."""

import asyncio
import time
from dataclasses import replace

import pytest

from headrace.core.commands import Add, Count
from headrace.core.errors import Unavailable
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from tests.faults.ground import Ground
from tests.faults.site import site
from tests.servers.proxy import Proxy, between


def through(ground: Ground, proxy: Proxy) -> Ground:
    return replace(ground, url=f"redis://127.0.0.1:{proxy.port}/0")


def port(ground: Ground) -> int:
    assert ground.server is not None
    return ground.server.port


async def test_a_slow_network_costs_no_job_a_second_run(redis: Ground) -> None:
    """Each way takes a fifth of a second, and leases of three seconds are renewed all the same."""
    with between(port(redis)) as proxy:
        async with site(through(redis, proxy), lease_ms=3_000) as here:
            await here.mill()
            proxy.delay_s = 0.2
            refs = await here.add("nap", *['{"ms":4500}'] * 5, *['{"ms":10}'] * 5)
            for ref in refs:
                job = await here.until(ref, "completed")
                assert (job.attempts_started, job.stalls) == (1, 0)


async def test_connections_that_are_cut_while_jobs_run_lose_no_outcome(redis: Ground) -> None:
    """A claim whose answer was cut off leaves its jobs to the end of their lease."""
    with between(port(redis)) as proxy:
        async with site(through(redis, proxy), lease_ms=3_000) as here:
            await here.mill()
            refs = await here.add("nap", *['{"ms":300}'] * 50)
            for _ in range(10):
                await asyncio.sleep(0.15)
                proxy.cut()
            await asyncio.sleep(0.1)
            for ref in refs:
                job = await here.until(ref, "completed")
                assert (job.attempts_made, len(job.failures)) == (1, 0)
            await here.follow()
            assert all(here.ends(ref.id) == ["completed"] for ref in refs)


async def test_a_renewal_on_a_connection_that_died_in_silence_is_sent_again_on_another(
    redis: Ground,
) -> None:
    with between(port(redis)) as proxy:
        store = RedisStore(through(redis, proxy).url)
        await store.open()
        granted(store.run_blocking(Add((NewJob("q", "n"),))))
        proxy.silence()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            store.run_blocking(Count(("q",)))
        assert time.monotonic() - began < 5
        assert granted(store.run_blocking(Count(("q",)))).queues["q"]["waiting"] == 1
        await store.close()
