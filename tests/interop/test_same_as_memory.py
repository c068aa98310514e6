"""Random commands, by one frozen clock, on the memory store and on Redis: every reply and every record is the same.

Now and then some are asked in one turn of the loop, which our store sends together: they are done in their order.
Left out is what BullMQ's layout cannot order: jobs put in front of one priority, and jobs of one state that finished in
the same millisecond when retention must choose between them. Both are then in the order of their ids, as text.
"""

import asyncio
from typing import Any, Final

import pytest
from msgspec.structs import replace

from headrace.core.commands import (
    Channels,
    Claim,
    Command,
    Count,
    Find,
    Found,
    Get,
    Queues,
    Read,
    Schedules,
    Settle,
    Tally,
)
from headrace.core.jobs import JobRecord
from headrace.storage.memory import MemoryStore
from headrace.storage.protocol import Storage
from headrace.storage.redis import RedisStore
from headrace.storage.redis.call import Considered
from headrace.storage.redis.calls import CALLS
from tests.conformance.clock import FrozenClock
from tests.interop.draws import QUEUES, Draws

SEEDS: Final = 30
SOAK_SEEDS: Final = 300
STEPS: Final = 120
TOGETHER_MAX: Final = 5


async def whole(store: Storage, find: Find) -> tuple[list[int], list[JobRecord]]:
    """What all pages have, and how many were looked at for each."""
    looked: list[int] = []
    jobs: list[JobRecord] = []
    cursor: str | None = None
    while True:
        page: Found = await store.run(replace(find, after=cursor))
        looked.append(page.looked)
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None:
            return looked, jobs


def looks_first(command: Command[Any]) -> bool:
    """Whether it takes two steps, between which others may come."""
    call = CALLS[type(command)]
    return isinstance(call, Considered) and bool(call.looks_at(command))


def commands(draws: Draws) -> list[Command[Any]]:
    """Mostly one; of several, none but the last looks first."""
    several = [draws.command() for _ in range(draws.draw.choice([1, 1, 1, draws.draw.randint(2, TOGETHER_MAX)]))]
    return sorted(several, key=looks_first)[: 1 + sum(not looks_first(each) for each in several)]


def as_turns(asked: list[Command[Any]]) -> list[list[Command[Any]]]:
    """The same as calls: a Claim goes with the Settle before it, as a worker's does."""
    calls: list[list[Command[Any]]] = []
    for command in asked:
        if isinstance(command, Claim) and calls and len(calls[-1]) == 1 and isinstance(calls[-1][0], Settle):
            calls[-1].append(command)
        else:
            calls.append([command])
    return calls


async def replies(store: RedisStore, call: list[Command[Any]]) -> tuple[Any, ...]:
    reply = await store.run(*call)
    return reply if len(call) > 1 else (reply,)


async def compare(seed: int, valkey_url: str, prefix: str, clock: FrozenClock) -> None:
    memory, redis = MemoryStore(clock=clock), RedisStore(valkey_url, prefix=prefix, clock=clock)
    draws = Draws(seed)
    await memory.open()
    await redis.open()
    try:
        for queue in QUEUES if draws.has_keys else ():
            shares = draws.shares(queue)
            assert await redis.run(shares) == await memory.run(shares)
        for step in range(STEPS):
            asked = commands(draws)
            clock.advance(draws.draw.choice([1, 2, 6, 21]))
            expected = [await memory.run(command) for command in asked]
            answered = await asyncio.gather(*(replies(redis, call) for call in as_turns(asked)))
            assert [reply for each in answered for reply in each] == expected, f"step {step}: {asked}"
            for reply in expected:
                draws.learn(reply)
            for seen in (
                Get(tuple(draws.jobs)),
                Count((*QUEUES, "nowhere")),
                Queues(dedup="k"),
                Tally(None),
                Schedules(),
                Schedules(order="time"),
            ):
                assert await redis.run(seen) == await memory.run(seen), f"after step {step}: {asked}"
            listing = draws.listing()
            assert await whole(redis, listing) == await whole(memory, listing), f"after step {step}: {listing}"
        for channel in ("jobs/q", "jobs/r", "c"):
            assert await redis.run(Read(channel)) == await memory.run(Read(channel))
        assert await redis.run(Channels()) == await memory.run(Channels())
    finally:
        await redis.close()
        await memory.close()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_redis_does_what_the_memory_store_does(
    seed: int, valkey_url: str, prefix: str, clock: FrozenClock
) -> None:
    await compare(seed, valkey_url, prefix, clock)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SEEDS, SOAK_SEEDS))
async def test_redis_does_what_the_memory_store_does_for_long(
    seed: int, valkey_url: str, prefix: str, clock: FrozenClock
) -> None:
    await compare(seed, valkey_url, prefix, clock)
