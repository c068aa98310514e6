"""Whatever happens to the server or on the way to it, every worker goes on."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
import redis

from tests.redis.choir import Choir
from tests.servers import valkey
from tests.servers.proxy import Proxy, between

SHORT = 8
LONG = 100


class World:
    """A server, the way to it, and what can happen to both."""

    def __init__(self, server: valkey.Valkey, proxy: Proxy, chance: random.Random) -> None:
        self._server, self._proxy, self._chance = server, proxy, chance
        self._client = redis.Redis.from_url(server.url, decode_responses=True)

    async def restart(self) -> None:
        await asyncio.to_thread(self._server.stop)
        await asyncio.sleep(self._chance.random() * 0.5)
        await asyncio.to_thread(self._server.start)

    async def crash(self) -> None:
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(self._server.start)

    async def kill_all(self) -> None:
        self._client.client_kill_filter(_type="normal", skipme=True)

    async def kill_blocked(self) -> None:
        for client in self._client.client_list():
            if client["cmd"] in {"bzpopmin", "xread"}:
                self._client.client_kill_filter(_id=client["id"])

    async def forget(self) -> None:
        self._client.function_flush()

    async def demote(self) -> None:
        self._client.replicaof("127.0.0.1", 1)
        await asyncio.sleep(self._chance.random() * 0.3)
        self._client.replicaof("NO", "ONE")

    async def cut(self) -> None:
        self._proxy.cut()

    async def cut_answers(self) -> None:
        self._proxy.cut_within(self._chance.randrange(1, 300))

    async def silence(self) -> None:
        self._proxy.silence()

    @property
    def deeds(self) -> list[Callable[[], Awaitable[None]]]:
        quick = [self.kill_all, self.kill_blocked, self.forget, self.demote, self.cut, self.cut_answers, self.silence]
        return [self.restart, self.crash, *quick]


async def disturb(count: int, seed: int) -> None:
    chance = random.Random(seed)
    with valkey.running() as server, between(server.port) as proxy:
        async with Choir(f"redis://127.0.0.1:{proxy.port}", server.url) as choir:
            world = World(server, proxy, chance)
            deeds = world.deeds
            chance.shuffle(deeds)
            await choir.sing()
            for number in range(count):
                deed = deeds[number % len(deeds)]
                await deed()
                try:
                    await choir.sing()
                except TimeoutError:
                    pytest.fail(f"a worker did not go on after {deed.__name__}, number {number} of seed {seed}")
            proxy.cut_within(1 << 40)


@pytest.mark.parametrize("seed", [1])
async def test_every_worker_goes_on_after_a_disturbance(seed: int) -> None:
    await disturb(SHORT, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
async def test_every_worker_goes_on_after_a_hundred_disturbances(seed: int) -> None:
    await disturb(LONG, seed)
