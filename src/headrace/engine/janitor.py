"""Gives back the jobs of workers that are gone, fails what nobody started in time, removes what finished long ago.

One per store is enough.

After an outage of the store every lease may have ended while its worker lives; likewise when it had no room meanwhile.
So a janitor that lost the store recovers nothing until it has itself been connected for the time of one lease: by then
the living have renewed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from msgspec.structs import replace

from headrace.core.commands import Queues, Recover, Remove
from headrace.core.errors import StorageFull, Unavailable
from headrace.core.jobs import JobRef, Keep, State
from headrace.engine.leader import Leader
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

PAGE: Final = 500  # jobs in one Recover or Remove
BEAT_MAX_S: Final = 0.75  # an orphan waits at most this much longer than its lease
SWEEP_S: Final = 30.0
TTL_MAX_MS: Final = 10_000  # of the lock: shorter than a lease, so that a new janitor is there when leases end


class Janitor:
    """The housekeeping of a store, done by whichever worker is elected.

    `keep` is what stays of the finished jobs of a queue, by state, unless the queue or the job says otherwise.
    """

    def __init__(
        self,
        storage: Storage,
        owner: str,
        lease_ms: int,
        *,
        keep: Mapping[State, Keep | None],
        stalled: Callable[[tuple[JobRef, ...]], Awaitable[None]],
        expired: Callable[[tuple[JobRef, ...]], Awaitable[None]],
    ) -> None:
        self._storage = storage
        self._leader = Leader(storage, "janitor", owner, min(lease_ms // 2, TTL_MAX_MS))
        self._lease_s = lease_ms / 1000
        self._keep: dict[State, Keep] = {state: bounds for state, bounds in keep.items() if bounds is not None}
        self._stalled = stalled
        self._expired = expired
        self._was_away = False
        self._careful_until = float("-inf")
        self._swept = float("-inf")
        self._beat_s = min(BEAT_MAX_S, self._lease_s / 4)
        self._ticker = Ticker("janitor", self.beat, self._beat_s)

    def start(self) -> None:
        self._ticker.start()

    async def stop(self) -> None:
        """Stop, and let another worker's janitor take over at once."""
        await self._ticker.stop()
        await self._leader.resign()

    async def beat(self) -> None:
        """One round: be elected, recover, and sweep if it is time."""
        try:
            await self._round()
        except (Unavailable, StorageFull):
            self._was_away = True
            raise

    async def _round(self) -> None:
        is_elected = await self._leader.lead()
        self._ticker.every_s = self._beat_s if is_elected else self._leader.ttl_ms / 2000
        now = asyncio.get_running_loop().time()
        if self._was_away:
            self._was_away = False
            self._careful_until = now + self._lease_s
        if not is_elected:
            return
        if now >= self._careful_until:
            await self._recover()
        if now - self._swept >= SWEEP_S:
            self._swept = now
            await self._sweep()

    async def _recover(self) -> None:
        is_more = True
        while is_more:
            recovered = granted(await self._storage.run(Recover(PAGE)))
            if recovered.jobs:
                await self._stalled(recovered.jobs)
            if recovered.expired:
                await self._expired(recovered.expired)
            is_more = (recovered.is_more or len(recovered.jobs) >= PAGE) and await self._leader.lead()

    async def _sweep(self) -> None:
        reply = await self._storage.run(Queues())
        for queue in granted(reply).queues:
            for state, keep in (self._keep | queue.keep).items():
                every = Remove(queue=queue.name, states=(state,), spares_kept=True, limit=PAGE)
                if queue.counts.get(state) and keep.age_ms is not None:
                    await self._remove(replace(every, older_ms=keep.age_ms))
                if queue.counts.get(state, 0) > (keep.count or 0) and keep.count is not None:
                    await self._remove(replace(every, keep_count=keep.count))

    async def _remove(self, command: Remove) -> None:
        is_more = True
        while is_more:
            removed = granted(await self._storage.run(command))
            command = replace(command, after=removed.spared)
            is_more = removed.spared is not None and await self._leader.lead()
