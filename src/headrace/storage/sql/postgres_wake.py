"""Wake-ups: topics that moved here are known at once; others hear of them by NOTIFY, or at the next look.

NOTIFY is a hint: poolers swallow it, and it takes a lock on the whole database at commit. So it is sent after the
commit, from a connection of its own transaction, many topics at a time; and whoever waits looks again every POLL_MS.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4
from weakref import WeakKeyDictionary

import msgspec
import psycopg
from psycopg import AsyncConnection

from headrace.storage.sql.postgres_schema import OPTIONS, Connection, configure, execute, named, steps

POLL_MS: Final = 1_000  # what a wake-up that was missed costs at most
PAUSE_S: Final = 0.005  # between two NOTIFY of one store
AGAIN_S: Final = 1.0  # between two tries to connect
PAYLOAD_MAX: Final = 7_000  # bytes; PostgreSQL takes 8,000


class Bell:
    """Counts how often topics moved, and lets tasks wait until one does."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._name = uuid4().hex  # what we said ourselves is no news
        self._counts: dict[str, int] = {}
        self._seen: WeakKeyDictionary[asyncio.Task[Any], dict[str, int]] = WeakKeyDictionary()
        self._waiters: dict[asyncio.Future[None], Collection[str]] = {}
        self._unsaid: set[str] = set()
        self._has_unsaid = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        listener, speaker = await self._connect(), await self._connect()
        await listener.execute(named("listen", self._schema))
        self._tasks = [asyncio.create_task(self._listen(listener)), asyncio.create_task(self._speak(speaker))]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._heard(set(self._counts))

    def ring(self, topics: set[str]) -> None:
        """These topics moved: tell whoever waits here now, and the others soon."""
        if topics:
            self._heard(topics)
            self._unsaid |= topics
            self._has_unsaid.set()

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """See `Storage.wait`. After POLL_MS without news every topic may have moved: the hint may have been lost."""
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.setdefault(task, {})
        moved = self._news(topics, seen)
        if not moved and timeout_ms > 0:
            is_told = await self._until_moved(topics, min(timeout_ms, POLL_MS))
            is_lookout = not is_told and timeout_ms >= POLL_MS
            moved = frozenset(topics) if is_lookout else self._news(topics, seen)
        seen.update({topic: self._counts.get(topic, 0) for topic in topics})
        return moved

    def _news(self, topics: Collection[str], seen: dict[str, int]) -> frozenset[str]:
        return frozenset(topic for topic in topics if seen.get(topic, -1) != self._counts.get(topic, 0))

    async def _until_moved(self, topics: Collection[str], timeout_ms: int) -> bool:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[future] = topics
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await future
        except TimeoutError:
            return False
        finally:
            del self._waiters[future]
        return True

    def _heard(self, topics: set[str]) -> None:
        for topic in topics:
            self._counts[topic] = self._counts.get(topic, 0) + 1
        for future, wanted in self._waiters.items():
            if not future.done() and not topics.isdisjoint(wanted):
                future.set_result(None)

    async def _listen(self, connection: Connection) -> None:
        while True:
            with suppress(psycopg.OperationalError):
                async with connection:
                    async for note in connection.notifies():
                        sender, *topics = msgspec.json.decode(note.payload, type=tuple[str, ...])
                        if sender != self._name:
                            self._heard(set(topics))
            connection = await self._connect_again()
            await connection.execute(named("listen", self._schema))
            self._heard(set(self._counts))  # whatever was said meanwhile, nobody heard it

    async def _speak(self, connection: Connection) -> None:
        while True:
            with suppress(psycopg.OperationalError):
                async with connection:
                    while True:
                        await self._has_unsaid.wait()
                        self._has_unsaid.clear()
                        topics, self._unsaid = self._unsaid, set()
                        for payload in self._payloads(sorted(topics)):
                            await execute(connection, steps()["notify"], self._schema, payload)
                        await asyncio.sleep(PAUSE_S)
            connection = await self._connect_again()

    def _payloads(self, topics: list[str]) -> list[str]:
        payload = msgspec.json.encode([self._name, *topics])
        if len(payload) <= PAYLOAD_MAX or len(topics) == 1:
            return [payload.decode()]
        half = len(topics) // 2
        return [*self._payloads(topics[:half]), *self._payloads(topics[half:])]

    async def _connect(self) -> Connection:
        connection: Connection = await AsyncConnection.connect(self._url, **OPTIONS)
        await configure(connection, self._schema)
        return connection

    async def _connect_again(self) -> Connection:
        while True:
            await asyncio.sleep(AGAIN_S)
            with suppress(psycopg.OperationalError):
                return await self._connect()
