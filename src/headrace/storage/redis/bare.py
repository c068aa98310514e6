"""A server with nothing of ours in the way: what it can do at best, and the end of keys that were only for a while."""

import asyncio
import random
import re
import time
from statistics import median
from typing import Any, Final, Self

from headrace.core.errors import Unavailable
from headrace.storage.redis.address import address_of
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.link import Link, ReplyError
from headrace.storage.redis.meaning import meaning
from headrace.storage.redis.packing import packed

NAME: Final = "headrace-bench"
MOMENT_S: Final = 0.25
LONE_WRITES: Final = 25
PAUSE_S: Final = (0.005, 0.025)  # before something happens to an idle process, drawn
SMALL_JOB: Final = ("name", "nothing", "data", '{"n":12345}')
SCANNED: Final = 1_000  # keys looked at in one step

_GLOB: Final = re.compile(r"([\\*?\[\]])")


class Bare:
    """A connection to the server at `url`, for keys that begin with `prefix`; they are gone when it is closed."""

    def __init__(self, url: str, prefix: str) -> None:
        address = address_of(url)
        self.address = str(address)
        self.prefix = prefix
        self._finder = Finder(address, prefix)
        self._link: Link | None = None

    async def __aenter__(self) -> Self:
        self._link = await self._finder.connect(NAME)
        return self

    async def __aexit__(self, *ended: object) -> None:
        assert self._link is not None
        try:
            await self.clear(self.prefix)
        finally:
            self._link.close()
            await asyncio.sleep(0)  # lets the transport take leave of the loop

    async def writes_per_second(self, rows: int) -> float:
        """Hashes of a small job written, `rows` a round trip."""
        requests = b"".join(packed("HSET", f"{self.prefix}:raw:{n}", *SMALL_JOB) for n in range(rows))
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < MOMENT_S:
            await self._ask(requests, rows)
            count += rows
        return count / spent

    async def lone_write_ms(self) -> float:
        """The time of one such write after a pause, in which processors and caches went to sleep."""
        spans: list[float] = []
        for _ in range(LONE_WRITES):
            await asyncio.sleep(random.uniform(*PAUSE_S))
            start = time.perf_counter()
            await self._ask(packed("HSET", f"{self.prefix}:raw:0", *SMALL_JOB), 1)
            spans.append(time.perf_counter() - start)
        return median(spans) * 1000

    async def clear(self, prefix: str) -> None:
        """Delete all keys of a store, or of several whose prefixes begin with this and a colon."""
        pattern = _GLOB.sub(r"\\\1", prefix) + "[:~]*"
        place: str = "0"
        while True:
            ((place, keys),) = await self._ask(packed("SCAN", place, "MATCH", pattern, "COUNT", SCANNED), 1)
            if keys:
                await self._ask(packed("UNLINK", *keys), 1)
            if place == "0":
                return

    async def _ask(self, requests: bytes, count: int) -> list[Any]:
        assert self._link is not None
        replies = await self._link.ask(requests, count)
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise Unavailable(problem=meaning(str(reply)).says)
        return replies
