"""The same operations through BullMQ and through Headrace, by a seed, leave the same bytes after each of them.

What differs on purpose stands in `differences.toml`. A sequence that fails is printed; `HEADRACE_TEST_SEEDS=7:25` plays the
first 25 operations of seed 7 alone, `HEADRACE_TEST_SEEDS=100-200` many seeds.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import redis

import headrace
from headrace.storage.redis import RedisStore
from tests.conformance.desk import Desk
from tests.interop.node import Node
from tests.interop.twins.differences import meant
from tests.interop.twins.ours import Ours
from tests.interop.twins.picture import PREFIX
from tests.interop.twins.player import Operation, Player
from tests.interop.twins.stage import Stage
from tests.interop.twins.theirs import Theirs

SEEDS: Final = range(6)
STEPS: Final = 150
DATABASES: Final = (1, 2)  # BullMQ's and ours


def chosen() -> tuple[range, int]:
    """The seeds, and how many operations of each."""
    words, _, steps = os.environ.get("HEADRACE_TEST_SEEDS", "").partition(":")
    first, _, last = words.partition("-")
    seeds = range(int(first), int(last or first) + 1) if first else SEEDS
    return seeds, int(steps or STEPS)


@asynccontextmanager
async def stage(valkey_url: str, bullmq: Path) -> AsyncIterator[tuple[Stage, Any]]:
    address = urlsplit(valkey_url)
    urls = [address._replace(path=f"/{db}").geturl() for db in DATABASES]
    dbs = [redis.Redis.from_url(url, decode_responses=True) for url in urls]
    for db in dbs:
        db.flushdb()
    nodes = [await Node.start(bullmq, address.hostname or "", address.port or 0, PREFIX, db) for db in DATABASES]
    store = RedisStore(urls[1], prefix=PREFIX)
    await store.open()
    try:
        async with headrace.App(urls[1], prefix=PREFIX) as app:
            ours = Ours(Desk(store), app, nodes[1])
            yield Stage((Theirs(nodes[0]), dbs[0]), (ours, dbs[1]), meant()), dbs[0]
    finally:
        await store.close()
        for node in nodes:
            await node.stop()
        for db in dbs:
            db.close()


def told(seed: int, played: list[Operation], amiss: list[Any]) -> str:
    lines = [f"{step:4} {name} {' '.join(map(str, words))}" for step, (name, words) in enumerate(played)]
    where = f"HEADRACE_TEST_SEEDS={seed}:{len(played)}, after the last of these operations"
    return "\n".join([where, *lines[-40:], *map(str, amiss)])


@pytest.mark.parametrize("seed", chosen()[0])
async def test_it_is_the_same_after_every_step(seed: int, valkey_url: str, bullmq: Path) -> None:
    async with stage(valkey_url, bullmq) as (both, theirs):
        player, played = Player(seed, theirs, both.began_ms), []
        for _ in range(chosen()[1]):
            played.append(player.operation())
            amiss = await both.play(played[-1])
            if amiss and os.environ.get("SURVEY"):
                print("@@", seed, len(played), played[-1][0], *played[-1][1])
                for each in amiss: print("@", played[-1][0], "|", each.key, "|", each.field, "|", each.theirs, "|", each.ours)
                continue
            assert not amiss, told(seed, played, amiss)
