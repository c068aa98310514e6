"""The world of the scenes on a Redis, and a store on it as it was, as often as one likes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from headrace.core.commands import Command
from headrace.storage.redis import RedisStore
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk
from tests.crash.key_rules import faults
from tests.crash.keys import Keys, snapshot
from tests.crash.scenes import calls, world


@dataclass
class RedisBase:
    """The keys before any call, the calls, and the time."""

    url: str
    prefix: str
    client: Any
    dumps: dict[bytes, tuple[bytes, int]]
    keys: Keys
    calls: dict[str, tuple[Command[Any], ...]]
    now: int

    @asynccontextmanager
    async def store(self, url: str | None = None) -> AsyncIterator[RedisStore]:
        """A store at the time of the calls."""
        store = RedisStore(url or self.url, prefix=self.prefix, clock=FrozenClock(self.now))
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def put_back(self) -> None:
        """All keys are again as before any call."""
        with redis.Redis.from_url(self.url) as raw:
            there = list(raw.scan_iter(f"{self.prefix}[:~]*", count=10_000))
            with raw.pipeline(transaction=False) as pipe:
                pipe.delete(*there, b"nothing")
                for key, (dump, ttl) in self.dumps.items():
                    pipe.restore(key, ttl, dump)
                pipe.execute()

    def found(self) -> Keys:
        """All keys as they are; they must keep every rule."""
        keys = snapshot(self.client, self.prefix)
        broken = faults(keys, self.prefix)
        assert not broken, broken
        return keys


@contextmanager
def redis_base(url: str, prefix: str) -> Iterator[RedisBase]:
    """The world, the same each time."""
    clock = FrozenClock()

    async def make() -> dict[str, tuple[Command[Any], ...]]:
        store = RedisStore(url, prefix=prefix, clock=clock)
        await store.open()
        known = await world(Desk(store), clock)
        await store.close()
        return calls(known)

    found = asyncio.run(make())
    with texts(url) as client:
        yield RedisBase(url, prefix, client, dumped(url, prefix), snapshot(client, prefix), found, clock.now)


def texts(url: str) -> Any:
    """A client to whom each byte is a character, as some values are no text."""
    return redis.Redis.from_url(url, encoding="latin1", decode_responses=True)


def dumped(url: str, prefix: str) -> dict[bytes, tuple[bytes, int]]:
    """Every key as the server packs it, and for how long it lives, 0 for ever."""
    with redis.Redis.from_url(url) as raw:
        return {key: (raw.dump(key), max(raw.pttl(key), 0)) for key in raw.scan_iter(f"{prefix}[:~]*", count=1000)}
