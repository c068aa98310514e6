"""Named locks: who holds one is alone with it, or one of a few."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Final

from headrace.client import Door
from headrace.core import topics
from headrace.core.commands import Acquire, Acquired, LockRecord, Release
from headrace.core.commands import Locks as Holds
from headrace.core.errors import Held, LockLost, Unavailable
from headrace.core.names import check_lock
from headrace.engine.home import Home
from headrace.engine.keeper import Grip, Keeper
from headrace.engine.run import running
from headrace.engine.sync import blocking
from headrace.engine.undisturbed import undisturbed
from headrace.spans import Span, count_of, span_ms
from headrace.storage.protocol import granted

LIMIT_MAX: Final = 1_000
TTL_MIN_MS: Final = 100
TTL_MAX_MS: Final = 24 * 3_600_000
WAIT_MAX_MS: Final = 366 * 24 * 3_600_000


class Lock:
    """A lock that is held, as `async with app.lock(…) as lock` gives it."""

    def __init__(self, grip: Grip) -> None:
        self._grip = grip

    @property
    def name(self) -> str:
        """Its name."""
        return self._grip.name

    @property
    def owner(self) -> str:
        """Under which name `app.locks.list()` shows us: host, process, and the job if a handler holds it."""
        return self._grip.owner

    @property
    def fence(self) -> int:
        """A number larger than that of all who held this lock before.

        Send it along with what you change elsewhere, and let that place refuse what has a smaller one than it has
        seen: so an owner that was frozen does no harm when it wakes up.
        """
        return self._grip.fence

    @property
    def lost(self) -> bool:
        """Whether another may hold the lock by now: it was released by hand, or could not be renewed in time."""
        return self._grip.is_lost

    def __repr__(self) -> str:
        return f"<Lock {self.name} fence={self.fence}{' lost' if self.lost else ''}>"


class Locks:
    """The locks of a store, as `app.locks` has them: who holds which, and taking them away by hand."""

    def __init__(self, door: Door, home: Home) -> None:
        self._door = door
        self._home = home

    @blocking
    async def list(self, name: str | None = None) -> "list[LockRecord]":
        """Who holds this lock, or any: by name, then by fence. Those by which workers share duties are there, too."""
        found: list[LockRecord] = []
        page = granted(await self._door.run(Holds(name)))
        found += page.locks
        while page.cursor is not None:
            page = granted(await self._door.run(Holds(name, after=page.cursor)))
            found += page.locks
        return found

    @blocking
    async def release(self, name: str, owner: str | None = None) -> int:
        """Take a lock away from its owners, or from one, by hand: how many held it.

        Whoever waits for it gets it at once. The owner learns of it at its next renewal; what it does until then, it
        does without the lock, so be sure that it is gone.
        """
        owners = [record.owner for record in await self.list(name) if owner in (None, record.owner)]
        replies = [granted(await self._door.run(Release(name, each))) for each in owners]
        return sum(reply.was_held for reply in replies)


class Holder:
    """Takes locks, keeps them for a block, and gives them back."""

    def __init__(self, door: Door, poll_ms: int) -> None:
        self._door = door
        self._poll_ms = poll_ms
        self._keeper = Keeper(door)

    @asynccontextmanager
    async def hold(self, name: str, ttl: Span, limit: int, timeout: Span | None) -> AsyncGenerator[Lock, None]:
        """What `App.lock` says."""
        ttl_ms = span_ms("ttl", ttl, TTL_MAX_MS, TTL_MIN_MS)
        ask = Acquire(check_lock(name), _owner(), ttl_ms, count_of("limit", limit, 1, LIMIT_MAX))
        grip = await self._taken(ask, None if timeout is None else span_ms("timeout", timeout, WAIT_MAX_MS))
        self._keeper.keep(grip)
        try:
            yield Lock(grip)
        finally:
            self._keeper.leave(grip)
            is_lost = grip.is_lost
            was_held = await undisturbed(self._give_back(ask))
        if is_lost or not was_held:
            raise LockLost(name=name, owner=grip.owner)

    async def _taken(self, ask: Acquire, timeout_ms: int | None) -> Grip:
        try:
            return await self._wait_for(ask, timeout_ms)
        except Held:
            raise
        except BaseException:
            # Cancelled, or the reply was lost: the store may have given us what nobody would give back.
            await undisturbed(self._give_back(ask))
            raise

    async def _wait_for(self, ask: Acquire, timeout_ms: int | None) -> Grip:
        loop = asyncio.get_running_loop()
        end = None if timeout_ms is None else loop.time() + timeout_ms / 1000
        while True:
            grip = Grip(ask.name, ask.owner, 0, ask.ttl_ms)  # its time runs from before the question
            reply = await self._door.run(ask)
            if isinstance(reply, Acquired):
                grip.fence = reply.fence
                return grip
            if not isinstance(reply, Held):
                raise reply
            left_ms = self._poll_ms if end is None else round((end - loop.time()) * 1000)
            if left_ms <= 0:
                raise reply
            free_in_ms = int(str(reply.ends_in_ms))
            await self._door.wait({topics.lock(ask.name)}, max(1, min(left_ms, self._poll_ms, free_in_ms)))

    async def _give_back(self, ask: Acquire) -> bool:
        """Whether it was ours until now, as far as the store can say."""
        try:
            return bool(granted(await self._door.run(Release(ask.name, ask.owner))).was_held)
        except Unavailable:
            return True  # the hold ends by itself


def _owner() -> str:
    """A name that no other hold has, and that tells people where to look."""
    process = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"
    run = running.get()
    return process if run is None else f"{process} for {run.lease.queue}/{run.lease.id}"
