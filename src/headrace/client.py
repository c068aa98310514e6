"""An app's way to its store: opened at first use on the app's one loop, shared by all that the app hands out."""

import asyncio
import os
from collections.abc import Callable, Collection
from itertools import count
from typing import Any, Final, TypeVar

from headrace import storage
from headrace.backoff import Pauses
from headrace.core.commands import Add, Command
from headrace.core.commands.jobs import ADD_MAX, Added
from headrace.core.errors import Misuse, Refused
from headrace.core.jobs import NewJob
from headrace.core.servers import refuse_unsafe
from headrace.core.settings import Settings
from headrace.engine.home import Home
from headrace.storage.protocol import Storage
from headrace.watch import Watch

A = TypeVar("A")

_IN_PROCESS: Final = ("memory://", "sqlite:///:memory:")
"""Stores whose jobs live in the object: another loop must find the same object."""


class Client:
    """What app, tasks, queues and jobs have in common. Nothing is opened before something is asked."""

    def __init__(self, settings: Settings) -> None:
        """`BadUrl` if there cannot be a store at the settings' URL."""
        self.settings = settings
        self.home = Home()
        self.pauses = Pauses()
        self.loaders: dict[tuple[str, str], Callable[[str], Any]] = {}  # the results of known tasks, by queue and name
        self._make = self._make_ours = _maker(settings)
        self._storage = self._make()
        self.opened: Storage | None = None
        """The store, if it is open."""
        self._opening = asyncio.Lock()
        self._watches: dict[str, Watch] = {}
        self._requests = count()
        self._request_prefix = ""
        self.home.on_rebind(self._rebound)

    async def open(self) -> Storage:
        """The store, opened. Idempotent. `UnsafeStore` in production, if its server is not fit for that."""
        async with self._opening:
            if self.opened is None:
                await self._storage.open()
                await self._refuse_unsafe()
                self._request_prefix = os.urandom(8).hex()
                self.opened = self._storage
        return self._storage

    async def close(self) -> None:
        """Give back what `open` took, and stop waiting for events. Idempotent; the next use opens again."""
        async with self._opening:
            watches, self._watches = self._watches, {}
            for watch in watches.values():
                await watch.close()
            if self.opened is not None:
                self.opened = None
                await self._storage.close()
        self._opening = asyncio.Lock()  # the next loop may be another

    async def come_here(self) -> None:
        """Open the store on the running loop, after closing it on another: a worker lives where its store lives."""
        if not self.home.is_here():
            await self.home.carry(self.close)
            self.home.close()
            self.home.is_here()
        await self.open()

    async def run(self, command: Command[A]) -> A:
        """The store's answer; a refusal is raised."""
        store = self.opened or await self.open()
        reply = await store.run(command)
        if isinstance(reply, Refused):
            raise reply
        return reply

    async def add(self, jobs: tuple[NewJob, ...]) -> Added:
        """Store new jobs, all or none. The request carries an id, so that a store can know it again."""
        if len(jobs) > ADD_MAX:
            check_number(jobs)
        store = self.opened or await self.open()
        reply = await store.run(Add(jobs, self.request_id()))
        if isinstance(reply, Refused):
            raise reply
        return reply

    def request_id(self) -> str:
        """A text that no other request has: the process, and a number of REQUEST_DIGITS."""
        return f"{self._request_prefix}{next(self._requests):012x}"

    async def watch(self, queue: str) -> Watch:
        """The one reader of the events of `queue`, for all who wait for jobs of it."""
        store = await self.open()
        found = self._watches.get(queue)
        if found is None or found.is_over:
            found = self._watches[queue] = Watch(store, queue, round(self.settings.poll * 1000))
        await found.start()
        return found

    def loader(self, queue: str, name: str) -> Callable[[str], Any] | None:
        """How to read the results of a task of this app, if it is one."""
        return self.loaders.get((queue, name))

    @property
    def store(self) -> Storage:
        """The store, open or not."""
        return self._storage

    def use_store(self, make: Callable[[], Storage]) -> Callable[[], Storage]:
        """Take stores from `make` from now on; gives what made them before. `Misuse` while one is open."""
        loop = self.home.loop
        if self.opened is not None and loop is not None and loop.is_running():
            raise Misuse("the app is in use; close it before it gets another store")
        before, self._make = self._make, make
        self._rebound()
        return before

    def lend(self, store: Storage) -> None:
        """Use this store if ours would live in this process alone, where nobody else sees what is in it."""
        if self.settings.url in _IN_PROCESS:
            self.use_store(lambda: store)

    async def _refuse_unsafe(self) -> None:
        if self.settings.environment != "production" or self._make is not self._make_ours:
            return
        try:
            facts = await storage.inspect_server(self.settings.url or "", self.settings.prefix)
            if facts is not None:
                refuse_unsafe(facts)
        except BaseException:
            await self._storage.close()
            raise

    def _rebound(self) -> None:
        """The loop has ended, or we are another process now: whatever was bound to it is left behind."""
        self._storage = self._make()
        self.opened = None
        self._opening = asyncio.Lock()
        self._watches = {}


def check_number(jobs: tuple[NewJob, ...]) -> None:
    """`Misuse` if these are too many for one `Add`."""
    if len(jobs) > ADD_MAX:
        raise Misuse(f"{len(jobs)} jobs are more than the {ADD_MAX} that can be added at once; part them")


def _maker(settings: Settings) -> Callable[[], Storage]:
    """What gives the store at the settings' URL: another object for each loop, unless the jobs live in the object."""
    url, prefix = settings.url, settings.prefix
    assert url is not None
    store = storage.open(url, prefix=prefix)
    return lambda: store if url in _IN_PROCESS else storage.open(url, prefix=prefix)


class Door:
    """An app's store for whoever works with commands: opened at first use, and never that of a loop that has ended."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def open(self) -> None:
        """Open the store now. Idempotent."""
        await self._client.open()

    async def close(self) -> None:
        """Close the store, also for the app. Idempotent."""
        await self._client.close()

    @property
    def run_blocking(self) -> Callable[..., Any]:
        """The way from any thread, if the store has one: leases are renewed there while a handler blocks the loop."""
        if not hasattr(self._client.store, "run_blocking"):
            raise AttributeError("run_blocking")

        def run(*commands: Command[Any]) -> Any:
            store: Any = self._client.store  # at the time of the call: a loop that ended took the one before along
            return store.run_blocking(*commands)

        return run

    @property
    def turns_at_once(self) -> int:
        """How many turns of a worker, a Settle with the next Claim, the store likes to have on their way; 0 if none."""
        return getattr(self._client.store, "turns_at_once", 0)

    def lend(self, store: Storage) -> None:
        """In a child process: reach a store that lives in the worker's memory through this one."""
        self._client.lend(store)

    def run(self, *commands: Command[Any]) -> Any:  # a coroutine; mypy and pyright disagree on what an async def gives
        """As `Storage.run`: the coroutine of the store itself, once that is open."""
        store = self._client.opened
        return self._opened(commands) if store is None else store.run(*commands)

    async def _opened(self, commands: tuple[Command[Any], ...]) -> Any:
        return await (await self._client.open()).run(*commands)

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """As `Storage.wait`."""
        return await (self._client.opened or await self._client.open()).wait(topics, timeout_ms)
