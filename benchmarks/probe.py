"""The same commands on all four engines, in one run, beside what one durable write costs on this machine.

    python -m benchmarks.probe

Real servers from wheels; short single runs, so that ratios count. Memory has no limit to be held against.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import apsw

from headrace.core import lifecycle
from headrace.core.commands import Add, Claim, Claimed, Settle, Source
from headrace.core.jobs import Lease, NewJob
from headrace.core.outcomes import Done
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted
from headrace.storage.redis import RedisStore
from headrace.storage.sql.postgres import PostgresStore
from tests.servers import postgres, valkey

SECONDS: Final = 2.0
BULK: Final = 1_000
BATCHES: Final = (1, 10, 100)
SOURCE: Final = (Source("bench", ("task",)),)
ENGINES: Final = ("memory", "sqlite", "postgres", "redis")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'raw commits of one row, SQLite FULL':<38}{raw_commits(Path(folder)):>10,.0f} /s")
        print(f"{'':<10}{'bulk add':>12}" + "".join(f"{f'turns of {batch}':>14}" for batch in BATCHES) + "   jobs/s")
        for engine in ENGINES:
            async with opened(engine, Path(folder)) as store:
                figures = [await added(store)] + [await turned(store, batch) for batch in BATCHES]
            print(f"{engine:<10}{figures[0]:>12,.0f}" + "".join(f"{figure:>14,.0f}" for figure in figures[1:]))


@asynccontextmanager
async def opened(engine: str, folder: Path) -> AsyncIterator[Storage]:
    """A store of this kind, with a server of its own where it needs one."""
    async with AsyncExitStack() as stack:
        store: Storage
        match engine:
            case "postgres":
                store = PostgresStore(stack.enter_context(postgres.running()).url)
            case "redis":
                store = RedisStore(stack.enter_context(valkey.running()).url)
            case "sqlite":
                store = open_store(f"sqlite:///{folder / 'probe.db'}")
            case _:
                store = open_store("memory://")
        await store.open()
        stack.push_async_callback(store.close)
        yield store


def raw_commits(folder: Path) -> float:
    """Single-row commits a second: what the disk allows one caller who waits for each."""
    db = apsw.Connection(str(folder / "raw.db"))
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    db.execute("create table rows (number integer)")
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        db.execute("insert into rows values (?)", (count,))
        count += 1
    db.close()
    return count / SECONDS


async def rate(step: Callable[[], Awaitable[int]]) -> float:
    """What `step` counts, a second."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        count += await step()
    return count / (time.perf_counter() - start)


async def added(store: Storage) -> float:
    jobs = tuple(NewJob("bench", "task") for _ in range(BULK))

    async def step() -> int:
        return len(granted(await store.run(Add(jobs))).jobs)

    return await rate(step)


async def turned(store: Storage, batch: int) -> float:
    """Jobs settled a second, by calls that settle what was claimed and claim the next."""
    held: tuple[Lease, ...] = ()
    number = 0

    async def step() -> int:
        nonlocal held, number
        number += 1
        outcomes = tuple(lifecycle.settle(lease, Done(), 0.0) for lease in held)
        settled, claimed = await store.run(Settle(outcomes), Claim(SOURCE, batch, f"{batch}-{number}", 30_000))
        assert isinstance(claimed, Claimed)
        assert not any(granted(settled).refusals)
        if not claimed.leases:
            await store.run(Add(tuple(NewJob("bench", "task") for _ in range(BULK))))
        held = claimed.leases
        return len(outcomes)

    return await rate(step)


if __name__ == "__main__":
    asyncio.run(main())
