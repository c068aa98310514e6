"""Who is cancelled while it waits for a queue, at the moment in which something is heard."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from headrace.core.topics import ready
from headrace.storage.redis.address import address_of
from headrace.storage.redis.bell import Bell
from headrace.storage.redis.finder import Finder
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.line import Line
from headrace.storage.redis.link import Link
from headrace.storage.redis.packing import packed

TOPICS = (ready("q"),)
LONG_MS = 60_000


class Watched(Finder):
    """Remembers the connection that was made last."""

    made: Link

    async def connect(self, name: str) -> Link:
        self.made = await super().connect(name)
        return self.made


class Waiter:
    """A task that waits for a queue, once to be cancelled by `heard` and once more."""

    def __init__(self, finder: Watched, bell: Bell) -> None:
        self._finder, self._bell = finder, bell

    async def cancelled(self, heard: Callable[[Link], None]) -> frozenset[str]:
        """What it is told afterwards."""
        await self._bell.wait(TOPICS, LONG_MS)  # the first returns at once
        waiting = asyncio.current_task()
        assert waiting is not None
        asyncio.get_running_loop().create_task(self._cancel(waiting, heard))
        with pytest.raises(asyncio.CancelledError):
            await self._bell.wait(TOPICS, LONG_MS)
        waiting.uncancel()
        return await self._bell.wait(TOPICS, LONG_MS)

    async def _cancel(self, waiting: "asyncio.Task[object]", heard: Callable[[Link], None]) -> None:
        while not (hasattr(self._finder, "made") and self._finder.made.is_asked):
            await asyncio.sleep(0)
        heard(self._finder.made)
        waiting.cancel()


@pytest.fixture
async def waiter(valkey_url: str, prefix: str) -> AsyncIterator[Waiter]:
    finder = Watched(address_of(valkey_url), prefix)
    line = Line(Finder(address_of(valkey_url), prefix), "commands")
    bell = Bell(finder, line, Keys(prefix))
    try:
        yield Waiter(finder, bell)
    finally:
        await bell.close()
        line.close()
        await line.ended()


async def test_a_connection_that_is_lost_at_that_moment_hides_no_cancellation(waiter: Waiter) -> None:
    async with asyncio.timeout(5):
        assert await waiter.cancelled(lambda link: link.end("cut")) == set(TOPICS)


async def test_a_marker_that_comes_at_that_moment_is_told_at_the_next_wait(waiter: Waiter, prefix: str) -> None:
    marker = packed(f"{prefix}:q:marker", "0", "0")  # Redis answers so, too
    async with asyncio.timeout(5):
        assert await waiter.cancelled(lambda link: link.data_received(marker)) == set(TOPICS)
