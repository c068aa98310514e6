"""The hot loop: outcomes that are ready go to the store, and with them the claim for the slots that are free.

Jobs run as tasks of their own; when one ends it leaves its settlement in hand and wakes a *recorder* and the *claimer*.
The recorder takes everything that ended in the same turn of the event loop, the claimer asks for as many jobs, which
begin as soon as the claim is answered, while the disk is busy with the outcomes. Where a store takes both as one step
(`turns_at_once`), a claimer takes outcomes along, and recorders have only what no claim leaves with. Several claimers
share the slots there: some jobs run while others are under way. Nobody can cancel a loop that waits for fresh leases.

A slot is free when its handler has ended: nothing is claimed ahead of the slots. The outcomes in hand and on their way
are bounded too, so that a store that is away stops the claims, and what cannot be recorded stays in hand.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from headrace.core import topics
from headrace.core.commands import Claim, Settled, Settlement, Source
from headrace.core.commands.workers import WorkerState
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, Lease
from headrace.core.lifecycle import settle
from headrace.core.outcomes import PutBack
from headrace.engine.bell import Bell
from headrace.engine.home import Home
from headrace.engine.leases import Leases
from headrace.engine.outbox import Outbox, settle_all, tell_refused
from headrace.engine.pace import Pace
from headrace.engine.run import Run
from headrace.engine.runner import Runner
from headrace.engine.thirst import Thirst
from headrace.engine.ticker import Ticker
from headrace.engine.turns import Turns
from headrace.storage.protocol import Storage, granted

RECORDERS: Final = 2  # batches of outcomes on their way: one at the disk, one on its way there
HELD_MAX: Final = 4  # leases, in slots: jobs that run, batches on their way, one that waits to leave
CHUNK_MAX: Final = 100  # jobs settled, and jobs claimed, in one turn
GRACE_S: Final = 0.5  # for handlers to end when their jobs are handed back
GIVE_UP_S: Final = 10.0  # for the store to take what is handed back; then those leases end by themselves

_log: Final = logging.getLogger("headrace")


class Pump:
    """Claims, runs and settles the jobs of one worker, at most `concurrency` at once over all its sources."""

    def __init__(
        self,
        storage: Storage,
        home: Home,
        sources: tuple[Source, ...],
        leases: Leases,
        runner: Runner,
        *,
        worker: str,
        concurrency: int,
        lease_ms: int,
        poll_ms: int,
        on_failed: Callable[[Lease, Failure | None], None],
    ) -> None:
        self.processed = 0
        """Outcomes recorded."""
        self._storage = storage
        self._home = home
        self._turns = Turns(sources, worker, lease_ms)
        self._leases = leases
        self._runner = runner
        self._on_failed = on_failed
        turns = getattr(storage, "turns_at_once", 0)
        self._takes_along = turns > 0
        claimers = [Ticker(f"pump-claim-{number}", self._claim_on) for number in range(max(turns, 1))]
        recorders = [Ticker(f"pump-record-{number}", self._record_on) for number in range(RECORDERS)]
        self._claimers, self._loops = len(claimers), [*claimers, *recorders]
        self._free_slot, self._outcome = Bell(lingers=turns > 0), Bell()
        self._thirst = Thirst(storage, [topics.ready(each.queue) for each in sources], poll_ms, self._free_slot.ring)
        self.pace = Pace(self._free_slot.ring)
        """What bounds the starts of this worker, if it has a rate."""
        self._outbox = Outbox()
        self._busy = 0  # slots: jobs whose handler has not ended
        self._held = 0  # jobs whose outcome is not recorded: those, and what is in hand or on its way
        self._asked = 0  # slots for which jobs were asked, and no answer has come
        self._heard = 0  # news at the last claim
        self._is_stale = True  # something was settled since the last claim left
        self.is_paused = self._is_draining = self._is_handing_back = False
        self._quiet = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []
        self.resize(concurrency)

    @property
    def running(self) -> int:
        """Jobs in hand: they run, or their outcome is not recorded yet."""
        return len(self._leases)

    @property
    def state(self) -> WorkerState:
        return "draining" if self._is_draining else "paused" if self.is_paused else "running"

    def pause(self, *, is_paused: bool) -> None:
        """Claim nothing, or claim again; what runs goes on."""
        self.is_paused = is_paused
        self._free_slot.ring()

    def resize(self, concurrency: int) -> None:
        """Run so many jobs at once; of those beyond, none is stopped."""
        self._concurrency = concurrency
        self._share = min(-(-concurrency // self._claimers), CHUNK_MAX)
        self._free_slot.ring()

    def start(self) -> None:
        """Begin to claim, on the running loop."""
        for loop in self._loops:
            loop.start()
        self._thirst.start()

    def drain(self) -> None:
        """Claim no more; what runs may end."""
        self._is_draining = True
        self._ring_all()

    def hand_back(self) -> None:
        """Claim no more, stop what runs, and give those jobs back at once, unburnt and at the front.

        A handler that has not stopped within GRACE_S is left to itself, and what it still does is not recorded. If
        the store does not take them within GIVE_UP_S, they come back when their leases end.
        """
        if self._is_handing_back:
            return
        self._is_handing_back = True
        self.drain()
        for run in self._leases.runs():
            run.stop("put-back")
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(GRACE_S, self._abandon), loop.call_later(GIVE_UP_S, self._give_up)]

    async def ended(self) -> None:
        """Wait until, after `drain` or `hand_back`, every outcome is recorded or refused."""
        for loop in self._loops:
            await loop.ended()

    async def stop(self) -> None:
        """End all loops, whatever is still in hand: those leases end by themselves. Idempotent."""
        for timer in self._timers:
            timer.cancel()
        for loop in self._loops:
            await loop.stop()
        await self._thirst.stop()
        self.pace.stop()

    async def idle(self) -> None:
        """Wait until nothing runs and nothing can be claimed now. A delayed job is not waited for."""
        self._is_stale = True  # jobs may have been added since the last claim
        while True:
            await self._quiet.wait()
            if self._is_empty and (not self._is_stale or self.is_paused):
                return
            self._quiet.clear()
            self._thirst.quench()

    @property
    def _is_empty(self) -> bool:
        """Whether nothing is in hand or on its way."""
        return not (self._held or self._asked)

    async def _claim_on(self) -> None:
        """The claimer: claim after claim, until the pump is drained."""
        while not (self._is_draining and self._is_empty):
            if (asked := self._ask()) > 0:
                await self._claim(asked)
            else:
                if self._outbox:
                    self._outcome.ring()
                await self._rest(self._free_slot)
        self._end()

    async def _record_on(self) -> None:
        """A recorder: batch after batch, until the pump is drained."""
        while not (self._is_draining and self._is_empty):
            if finished := self._outbox.take(CHUNK_MAX):
                if self._outbox:
                    self._outcome.ring()
                self._record(finished, await self._leave(finished))
            else:
                await self._rest(self._outcome)
        self._end()

    def _end(self) -> None:
        for loop in self._loops:
            loop.end()
        self._ring_all()

    def _ask(self) -> int:
        free = self._concurrency - self._busy
        if free <= self._asked or self._thirst.is_dry or self.is_paused or self._is_draining or self._outbox.is_careful:
            return 0
        free = min(free, HELD_MAX * self._concurrency - self._held)
        return min(self.pace.fit(free) - self._asked, self._share)

    async def _claim(self, asked: int) -> None:
        news, pokes = self._thirst.news, self._leases.pokes
        # A claim after news goes alone: by that a store knows that others may have to be told, who sleep yet.
        is_news, self._heard = news != self._heard, news
        finished = self._outbox.take(CHUNK_MAX) if self._takes_along and not is_news else []
        self._is_stale = self._is_stale and self._held > 0
        claim = self._turns.claim(asked)
        self._asked += asked
        try:
            reply: Any = await (self._leave(finished, claim) if finished else self._storage.run(claim))
        finally:
            self._asked -= asked
        settled, claimed = reply if finished else (None, reply)
        if not isinstance(claimed, Refused):
            self._turns.gave(claimed.leases)
            self._begin(claimed.leases)
            self._leases.catch_up(pokes)
            if len(claimed.leases) < asked:
                self._thirst.dry(claimed.wait_ms, news)
        if settled is not None:
            self._record(finished, settled)
        granted(claimed)

    async def _leave(self, finished: list[Run], *claim: Claim) -> Any:
        """What the store says to these outcomes, and to a claim with them."""
        self._is_stale = True
        try:
            return await self._storage.run(settle_all(finished), *claim)
        except BaseException as error:
            self._keep(finished, error)
            raise

    def _begin(self, leases: tuple[Lease, ...]) -> None:
        self._busy += len(leases)
        self._held += len(leases)
        self.pace.note(len(leases))
        for lease in leases:
            run = Run(lease, self._storage, self._home)
            self._leases.add(run)
            if self._is_handing_back:
                self._finish(run, settle(lease, PutBack(), 0.0))
            else:
                self._runner.begin(run, self._finish)

    def _finish(self, run: Run, settlement: Settlement | None) -> None:
        """A run has ended: record its settlement with the next turn, or let its slot go."""
        if run.is_over:
            return
        run.is_over = True
        self._busy -= 1
        if settlement is None:
            self._leases.lose(run)
            self._held -= 1
        else:
            run.settlement = settlement
            self._outbox.put(run)
            if not self._takes_along:
                self._outcome.ring()
        self._free_slot.ring()

    def _record(self, finished: list[Run], settled: Settled | Refused) -> None:
        if isinstance(settled, Refused):
            self._keep(finished, settled)
            raise settled
        self._held -= len(finished)
        for run, refusal in zip(finished, settled.refusals, strict=True):
            self._leases.drop(run)
            if refusal is not None:
                tell_refused(run, refusal)
            elif run.settlement is not None and run.settlement.to == "failed":
                self._on_failed(run.lease, run.settlement.failure)
        self.processed += settled.refusals.count(None)
        if self._is_empty or self._ask() > 0:
            self._free_slot.ring()

    def _keep(self, finished: list[Run], error: BaseException) -> None:
        """These outcomes were not recorded: they stay in hand."""
        if (lost := self._outbox.keep(finished, error)) is not None:
            self._held -= 1
            self._leases.drop(lost)
            self._free_slot.ring()  # claims were held up

    def _abandon(self) -> None:
        for run in self._leases.runs():
            self._finish(run, settle(run.lease, PutBack(), 0.0))

    def _give_up(self) -> None:
        if not self._is_empty:
            _log.error("%d outcomes could not be recorded; those jobs come back when their leases end", self.running)
        for loop in self._loops:
            loop.cancel()

    def _rest(self, bell: Bell) -> Awaitable[None]:
        if (self._thirst.is_dry or self.is_paused) and self._is_empty:
            self._quiet.set()
        return bell.rest()

    def _ring_all(self) -> None:
        self._free_slot.ring_all()
        self._outcome.ring_all()
