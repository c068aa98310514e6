"""How fast the Redis store adds, claims and settles, beside what one round trip costs on this machine.

    python -m benchmarks.probe_redis

Single runs on a machine that does other things too: ratios count.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from headrace.core import lifecycle
from headrace.core.commands import Add, Claim, Claimed, Settle, Source
from headrace.core.jobs import Lease, NewJob
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from headrace.storage.redis.address import address_of
from headrace.storage.redis.link import Link, connect
from headrace.storage.redis.packing import packed
from tests.servers import valkey

SECONDS: Final = 1.5  # for each figure
DATA: Final = '{"n":1,"text":"about a hundred bytes of payload, as a small job of every day has it, no more"}'
LEASE_MS: Final = 30_000
BULK: Final = 1_000
TURNS_IN_FLIGHT: Final = 2


async def rate(step: Callable[[], Coroutine[Any, Any, int]]) -> float:
    """What `step` counts, a second."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        count += await step()
    return count / (time.perf_counter() - start)


async def pings(link: Link) -> float:
    ping = packed("PING")

    async def step() -> int:
        await link.ask(ping, 1)
        return 1

    return await rate(step)


async def adds(store: RedisStore, batch: int) -> float:
    job = NewJob("bench", "task", DATA)

    async def step() -> int:
        granted(await store.run(Add((job,) * batch)))
        return batch

    return await rate(step)


async def turns(store: RedisStore, batch: int, in_flight: int) -> float:
    """Settle what was claimed and claim the next, in one call; several such loops at once."""
    await fill(store, batch * in_flight * 2)
    claims = [Claim((Source("bench", ("task",)),), batch, f"token-{i}", LEASE_MS, "bench") for i in range(in_flight)]
    held: list[tuple[Lease, ...]] = [()] * in_flight
    job = NewJob("bench", "task", DATA)

    async def loop(i: int) -> int:
        outcomes = tuple(lifecycle.settle(lease, Done("null"), 0.0) for lease in held[i])
        settled, claimed = await store.run(Settle(outcomes), claims[i])
        assert isinstance(claimed, Claimed)
        assert not any(granted(settled).refusals)
        held[i] = claimed.leases
        return len(outcomes)

    async def step() -> int:
        return sum(await asyncio.gather(*map(loop, range(in_flight))))

    stock = Stock(store, job)
    done, spent = 0, 0.0
    while spent < SECONDS:
        await stock.refill(batch * in_flight * 20)
        start = time.perf_counter()
        for _ in range(20):
            done += await step()
        spent += time.perf_counter() - start
    return done / spent


class Stock:
    """Jobs for the turns, added while no clock runs."""

    def __init__(self, store: RedisStore, job: NewJob) -> None:
        self._store = store
        self._job = job

    async def refill(self, count: int) -> None:
        for start in range(0, count, BULK):
            granted(await self._store.run(Add((self._job,) * min(BULK, count - start))))


async def fill(store: RedisStore, count: int) -> None:
    await Stock(store, NewJob("bench", "task", DATA)).refill(count)


async def measure(url: str, report: Callable[[str, float], None]) -> None:
    address = address_of(url)
    link = await connect(address.seeds[0], address.tls, [])
    store = RedisStore(url)
    await store.open()
    try:
        report("PING round trips, one after the other", await pings(link))
        for batch in (1, 100, BULK):
            report(f"add, {batch} a command", await adds(store, batch))
            await link.ask(packed("FLUSHDB"), 1)
        for batch, in_flight in ((1, 1), (10, 1), (100, 1), (50, TURNS_IN_FLIGHT)):
            title = f"claim + settle, {batch} a turn, {in_flight} in flight"
            report(title, await turns(store, batch, in_flight))
            await link.ask(packed("FLUSHDB"), 1)
    finally:
        link.close()
        await store.close()


def main() -> None:
    with valkey.running() as server:
        asyncio.run(measure(server.url, lambda title, figure: print(f"{title:42} {figure:10,.0f}/s", flush=True)))


if __name__ == "__main__":
    main()
