"""The world of the scenes on a Redis, and a store on it as it was, as often as one likes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from headrace.core.commands import Command
from headrace.storage.redis import RedisStore
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk
from tests.crash.key_rules import faults
from tests.crash.keys import BYTES_AS_TEXT, Keys, snapshot
from tests.crash.scenes import calls, world
from tests.servers.prefixes import clear, client_of


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

    @property
    def node_url(self) -> str:
        """Of the server that has the keys, however that is found."""
        pool, place = self.client.connection_pool, self.client.get_connection_kwargs()
        host, port = (place["host"], place["port"]) if "host" in place else pool.get_master_address()
        return f"redis://{host}:{port}/{place.get('db') or 0}"

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
        with client_of(self.url, self.prefix) as raw:
            there = list(raw.scan_iter(f"{self.prefix}[:~]*", count=10_000))
            with raw.pipeline(transaction=False) as pipe:
                if there:
                    pipe.delete(*there)
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
    """The world, the same each time; gone afterwards."""
    clock = FrozenClock()

    async def make() -> dict[str, tuple[Command[Any], ...]]:
        store = RedisStore(url, prefix=prefix, clock=clock)
        await store.open()
        known = await world(Desk(store), clock)
        await store.close()
        return calls(known)

    found = asyncio.run(make())
    try:
        with texts(url, prefix) as client:
            yield RedisBase(url, prefix, client, dumped(url, prefix), snapshot(client, prefix), found, clock.now)
    finally:
        clear(url, prefix)


def texts(url: str, prefix: str) -> AbstractContextManager[Any]:
    """A client to whom all is text, though some values are none."""
    return client_of(url, prefix, encoding_errors=BYTES_AS_TEXT, decode_responses=True)


def dumped(url: str, prefix: str) -> dict[bytes, tuple[bytes, int]]:
    """Every key as the server packs it, and for how long it lives, 0 for ever."""
    with client_of(url, prefix) as raw:
        return {key: (raw.dump(key), max(raw.pttl(key), 0)) for key in raw.scan_iter(f"{prefix}[:~]*", count=1000)}
