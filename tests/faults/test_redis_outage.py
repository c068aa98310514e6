"""A Redis that is killed, frozen or full while jobs run: outcomes are recorded afterwards, or refused; none is lost."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from headrace.core.commands import Count
from headrace.core.errors import StorageFull
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from tests.faults.ground import Ground
from tests.faults.site import Site, site
from tests.servers.valkey import Valkey

CANARY_S = 10.0
"""After an outage every worker takes a job within this time."""


def server_of(ground: Ground) -> Valkey:
    assert ground.server is not None
    return ground.server


@contextmanager
def frozen(server: Valkey) -> Iterator[None]:
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


async def restart(server: Valkey, away_s: float) -> None:
    """Kill the server and start it again; the loop goes on meanwhile."""
    server.kill()
    await asyncio.sleep(away_s)
    await asyncio.to_thread(server.start)


@contextmanager
def full(server: Valkey) -> Iterator[None]:
    """The memory of the server is used up."""
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


async def canary(here: Site) -> None:
    """The workers take a job, soon."""
    (ref,) = await here.add("nap", '{"ms":0}')
    await here.until(ref, "completed", timeout_s=CANARY_S)


async def assert_ran_once(here: Site, job_id: str) -> None:
    await here.follow()
    assert here.ends(job_id) == ["completed"]
    assert [change.state for change in here.changes[job_id]].count("active") == 1


@pytest.mark.parametrize(("lease_ms", "away_s"), [(20_000, 1.5), (3_500, 4.0)], ids=["within", "after"])
async def test_an_outcome_of_an_outage_is_recorded_once_if_the_job_is_still_the_workers(
    redis: Ground, lease_ms: int, away_s: float
) -> None:
    """Also when the lease has ended meanwhile: nobody has given the job to another."""
    async with site(redis, lease_ms) as here:
        await here.mill()
        (ref,) = await here.add("nap", '{"ms":700}')
        await here.until(ref, "active")
        await restart(server_of(redis), away_s)
        job = await here.until(ref, "completed")
        assert (job.attempts_started, job.attempts_made, job.stalls) == (1, 1, 0)
        await assert_ran_once(here, ref.id)
        await canary(here)


async def test_an_outcome_of_an_outage_is_refused_once_another_has_the_job(redis: Ground) -> None:
    server = server_of(redis)
    async with site(redis, lease_ms=1_000) as here:
        first = await here.mill()
        (ref,) = await here.add("nap", '{"ms":500}')
        await here.until(ref, "active")
        server.kill()
        await asyncio.sleep(1.0)  # the job has ended, and nobody could be told
        first.send(signal.SIGSTOP)
        await asyncio.to_thread(server.start)
        second = await here.mill()
        job = await here.until(ref, "completed")
        first.send(signal.SIGCONT)
        await canary(here)
        first.send(signal.SIGTERM)
        second.send(signal.SIGTERM)
        assert "stopped" in await first.ended()
        assert "stopped" in await second.ended()
        assert (job.attempts_started, job.stalls, job.result) == (2, 1, str(second.process.pid))
        assert await here.get(ref) == job
        await here.follow()
        assert here.ends(ref.id) == ["completed"]


async def test_a_job_that_goes_on_through_an_outage_keeps_its_lease(redis: Ground) -> None:
    async with site(redis, lease_ms=3_500) as here:
        await here.mill()
        (ref,) = await here.add("nap", '{"ms":6000}')
        await here.until(ref, "active")
        await restart(server_of(redis), 1.0)
        job = await here.until(ref, "completed")
        assert (job.attempts_started, job.stalls) == (1, 0)


async def test_workers_take_jobs_soon_after_each_of_several_restarts(redis: Ground) -> None:
    async with site(redis) as here:
        mills = [await here.mill(concurrency=1), await here.mill(concurrency=1)]
        for away_s in (0.0, 0.3, 1.0):
            await restart(server_of(redis), away_s)
            began = time.monotonic()
            refs = await here.add("nap", *['{"ms":700}'] * 2)
            for ref in refs:  # as long as neither is done, the other worker has to take the second
                await here.until(ref, "active", "completed", timeout_s=CANARY_S)
            assert time.monotonic() - began < CANARY_S
            results = {(await here.until(ref, "completed")).result for ref in refs}
            assert results <= {str(mill.process.pid) for mill in mills}


async def test_a_frozen_server_costs_no_job_a_second_run(redis: Ground) -> None:
    async with site(redis, lease_ms=6_000) as here:
        await here.mill()
        refs = await here.add("nap", *['{"ms":1000}'] * 10)
        for ref in refs:
            await here.until(ref, "active")
        with frozen(server_of(redis)):
            await asyncio.sleep(3)
        for ref in refs:
            await here.until(ref, "completed", timeout_s=CANARY_S)
            await assert_ran_once(here, ref.id)
        await canary(here)


async def test_a_full_server_refuses_adds_and_works_off_what_it_has(redis: Ground) -> None:
    """Claims, renewals and outcomes begin with a write that takes no room, so that Redis lets them through."""
    async with site(redis, lease_ms=1_000) as here:
        await here.mill(concurrency=5)
        long, *short = await here.add("nap", '{"ms":3500}', *['{"ms":300}'] * 8)
        await here.until(long, "active")
        with full(server_of(redis)):
            for _ in range(3):
                with pytest.raises(StorageFull):
                    await here.add_jobs(NewJob("q", "nap", '{"ms":0}'), NewJob("p", "nap", '{"ms":0}'))
            for ref in (*short, long):
                await here.until(ref, "completed")
        for ref in (*short, long):
            await assert_ran_once(here, ref.id)
        assert not any(granted(await here.store.run(Count(("p",)))).queues["p"].values())
        await canary(here)
        await redis.assert_whole(here.store)
