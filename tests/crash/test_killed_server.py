"""The server is killed at random instants and started again: what it acknowledged is there, and nothing half."""

import asyncio
import random
import threading
from typing import Any

import pytest

from headrace.core.commands import Command
from headrace.core.errors import Unavailable
from headrace.storage.protocol import Storage, Wrapper
from headrace.storage.redis import RedisStore
from headrace.testing import FrozenClock
from tests.conformance.audit import assert_consistent
from tests.crash.key_rules import faults
from tests.crash.keys import snapshot
from tests.crash.redis_base import texts
from tests.history.drive import Drive
from tests.history.final import final_of
from tests.history.rules import findings
from tests.servers import redis7, valkey
from tests.servers.available import or_skip
from tests.servers.process import Server

PREFIX = "killed"
KILL_CHANCE, WITHIN_S = 0.08, 0.002  # about what a call takes
KILLS_LEAST = 3


class Killer(Wrapper):
    """Kills the server while some calls are on their way, and starts it again after each."""

    def __init__(self, inner: Storage, server: Server, seed: int) -> None:
        super().__init__(inner)
        self.server, self.dice = server, random.Random(seed)
        self.kills = self.unanswered = 0

    async def run(self, *commands: Command[Any]) -> Any:
        if self.dice.random() >= KILL_CHANCE:
            return await self.inner.run(*commands)
        timer = threading.Timer(self.dice.uniform(0, WITHIN_S), self.server.kill)
        timer.start()
        try:
            return await self.inner.run(*commands)
        except Unavailable:
            self.unanswered += 1
            raise
        finally:
            await asyncio.to_thread(timer.join)
            await asyncio.to_thread(self.server.start)
            self.kills += 1


async def live(server: Server, seed: int, jobs: int) -> Killer:
    clock = FrozenClock()
    killer = Killer(RedisStore(server.url, prefix=PREFIX, clock=clock), server, seed)
    await killer.open()
    try:
        history = await Drive(killer, clock, seed, jobs=jobs).live()
        with texts(server.url, PREFIX) as client:
            keys = snapshot(client, PREFIX)
        broken = faults(keys, PREFIX)
        assert not broken, f"seed {seed}: {broken}\n{keys}"  # who dies when is drawn by the machine, too
        assert findings(history, await final_of(killer.inner), least=20) == [], f"seed {seed}"
        await assert_consistent(killer.inner)
    finally:
        await killer.close()
    return killer


async def play(engine: Any, seeds: range, jobs: int) -> None:
    kills = unanswered = 0
    for seed in seeds:
        with or_skip(engine.running(appendfsync="always")) as server:
            killer = await live(server, seed, jobs)
        kills, unanswered = kills + killer.kills, unanswered + killer.unanswered
    assert kills >= KILLS_LEAST * len(seeds), "too few kills; this run says nothing"
    assert unanswered, "no kill came before an answer; this run says nothing"


@pytest.mark.parametrize("engine", [valkey, redis7], ids=["valkey", "redis7"])
async def test_a_server_that_is_killed_has_what_it_acknowledged(engine: Any) -> None:
    await play(engine, range(1, 3), jobs=25)


@pytest.mark.soak
@pytest.mark.parametrize("engine", [valkey, redis7], ids=["valkey", "redis7"])
async def test_a_server_that_is_killed_time_and_again_has_what_it_acknowledged(engine: Any) -> None:
    await play(engine, range(1, 31), jobs=100)
