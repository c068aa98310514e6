"""The hot loop: outcomes that are ready go to the store together with the claim for the slots that are free.

A *turn* is one round trip, `run(Settle(what ended), Claim(free slots))`. Jobs run as tasks of their own; when one ends
it leaves its settlement in hand and wakes a *lane*, which takes everything that ended in the same turn of the event
loop. Lanes belong to the pump: nobody can cancel one while a reply with fresh leases is on its way.

A slot is taken from the moment its claim leaves until the outcome of its job is recorded, or refused. So nothing is
claimed ahead of the slots, and a store that is away stops the claims by itself: what cannot be recorded stays in hand.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from headrace.core import topics
from headrace.core.commands import Claim, Claimed, Settle, Settled, Settlement, Source
from headrace.core.errors import LeaseLost, Refused
from headrace.core.jobs import Failure, Lease
from headrace.core.lifecycle import settle
from headrace.core.outcomes import PutBack
from headrace.engine.home import Home
from headrace.engine.leases import Leases
from headrace.engine.outbox import Outbox
from headrace.engine.run import Run
from headrace.engine.runner import Runner
from headrace.engine.thirst import Thirst
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage

LANES: Final = 1  # turns in flight; two were slower on memory and SQLite, one core running both sides
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
        lanes: int = LANES,
    ) -> None:
        self.processed = 0
        """Outcomes recorded."""
        self._storage = storage
        self._home = home
        self._rotations = [sources[at:] + sources[:at] for at in range(len(sources))]
        self._leases = leases
        self._runner = runner
        self._worker = worker
        self._concurrency = concurrency
        self._lease_ms = lease_ms
        self._on_failed = on_failed
        lanes = min(lanes, concurrency)
        self._chunk = min(-(-concurrency // lanes), CHUNK_MAX)
        self._lanes = [Ticker(f"pump-{number}", self._turns) for number in range(lanes)]
        self._thirst = Thirst(storage, [topics.ready(source.queue) for source in sources], poll_ms, self._rouse)
        self._sleepers: list[asyncio.Future[None]] = []
        self._is_rousing = False  # a lane was woken and has not looked yet
        self._outbox = Outbox()
        self._busy = 0  # slots of jobs that run or whose outcome is in hand
        self._asked = 0  # slots of claims on their way
        self._claims = 0
        self._is_stale = True  # something was settled since the last claim left
        self._is_draining = False
        self._is_handing_back = False
        self._quiet = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def running(self) -> int:
        """Jobs in hand: they run, or their outcome is not recorded yet."""
        return len(self._leases)

    def start(self) -> None:
        """Begin to claim, on the running loop."""
        for lane in self._lanes:
            lane.start()
        self._thirst.start()

    def drain(self) -> None:
        """Claim no more; what runs may end."""
        self._is_draining = True
        self._rouse_all()

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
        for lane in self._lanes:
            await lane.ended()

    async def stop(self) -> None:
        """End all loops, whatever is still in hand: those leases end by themselves. Idempotent."""
        for timer in self._timers:
            timer.cancel()
        for lane in self._lanes:
            await lane.stop()
        await self._thirst.stop()

    async def idle(self) -> None:
        """Wait until nothing runs and nothing can be claimed now. A delayed job is not waited for."""
        while True:
            await self._quiet.wait()
            if not self._is_stale:
                return
            self._quiet.clear()
            self._thirst.quench()

    @property
    def _is_empty(self) -> bool:
        """Whether nothing is in hand or on its way."""
        return not (self._busy or self._leases or self._asked)

    async def _turns(self) -> None:
        """A lane: turn after turn, until the pump is drained."""
        while not (self._is_draining and self._is_empty):
            finished, asked = self._take(), self._ask()
            if finished or asked:
                await self._turn(finished, asked)
            else:
                await self._rest()
        for lane in self._lanes:
            lane.end()
        self._rouse_all()

    def _take(self) -> list[Run]:
        taken = self._outbox.take(self._chunk)
        self._busy -= len(taken)
        return taken

    def _ask(self) -> int:
        if self._thirst.is_dry or self._is_draining or self._outbox.is_careful:
            return 0
        return min(self._concurrency - self._busy - self._asked, self._chunk)

    async def _turn(self, finished: list[Run], asked: int) -> None:
        self._asked += asked
        if self._outbox or self._ask() > 0:
            self._rouse()
        news = self._thirst.news
        try:
            settled, claimed = await self._exchange(finished, asked)
        except BaseException as error:
            self._keep(finished, error)
            raise
        finally:
            self._asked -= asked
        if isinstance(claimed, Claimed):
            self._begin(claimed.leases)
            if len(claimed.leases) < asked:
                self._thirst.dry(claimed.wait_ms, news)
        if isinstance(settled, Settled):
            self._record(finished, settled)
        else:
            self._keep(finished, settled)
        for reply in (settled, claimed):
            if isinstance(reply, Refused):
                raise reply

    async def _exchange(self, finished: list[Run], asked: int) -> tuple[Settled | Refused, Claimed | Refused]:
        """One round trip."""
        if not asked:
            settled = await self._storage.run(self._settle(finished))
            return settled, Claimed(())
        self._claims += 1
        sources = self._rotations[self._claims % len(self._rotations)]
        claim = Claim(sources, asked, f"{self._worker}:{self._claims}", self._lease_ms, self._worker)
        if finished:
            return await self._storage.run(self._settle(finished), claim)
        self._is_stale = self._is_stale and bool(self._leases)
        claimed = await self._storage.run(claim)
        return Settled(()), claimed

    def _settle(self, finished: list[Run]) -> Settle:
        self._is_stale = True
        return Settle(tuple([run.settlement for run in finished if run.settlement is not None]))

    def _begin(self, leases: tuple[Lease, ...]) -> None:
        self._busy += len(leases)
        storage, home, held = self._storage, self._home, self._leases
        for lease in leases:
            run = Run(lease, storage, home)
            held.add(run)
            if self._is_handing_back:
                self._finish(run, settle(lease, PutBack(), 0.0))
            else:
                self._runner.begin(run, self._finish)

    def _finish(self, run: Run, settlement: Settlement | None) -> None:
        """A run has ended: record its settlement with the next turn, or let its slot go."""
        if run.is_over:
            return
        run.is_over = True
        if settlement is None:
            _log.warning(
                "%s/%s: the lease is lost; what became of this run is not recorded", run.lease.queue, run.lease.id
            )
            self._leases.drop(run)
            self._busy -= 1
        else:
            run.settlement = settlement
            self._outbox.put(run)
        self._rouse()

    def _record(self, finished: list[Run], settled: Settled) -> None:
        for run, refusal in zip(finished, settled.refusals, strict=True):
            self._leases.drop(run)
            settlement = run.settlement
            if refusal is not None:
                self._refused(run, refusal)
            elif settlement is not None and settlement.to == "failed":
                self._on_failed(run.lease, settlement.failure)
        self.processed += len(finished) - sum(refusal is not None for refusal in settled.refusals)

    def _refused(self, run: Run, refusal: Refused) -> None:
        if run.tries and isinstance(refusal, LeaseLost):
            # The reply to an earlier try was lost on the way; most likely that try did record the outcome.
            _log.info("%s/%s: recorded earlier, or lost: %s", run.lease.queue, run.lease.id, refusal)
        else:
            _log.warning("%s/%s: the outcome was refused and is dropped: %s", run.lease.queue, run.lease.id, refusal)

    def _keep(self, finished: list[Run], error: BaseException) -> None:
        """These outcomes were not recorded: they stay in hand and keep their slots."""
        self._busy += len(finished)
        lost = self._outbox.keep(finished, error)
        if lost is not None:
            self._busy -= 1
            self._leases.drop(lost)

    def _abandon(self) -> None:
        for run in self._leases.runs():
            if not run.is_over:
                self._finish(run, settle(run.lease, PutBack(), 0.0))

    def _give_up(self) -> None:
        if not self._is_empty:
            _log.error("%d outcomes could not be recorded; those jobs come back when their leases end", self.running)
        for lane in self._lanes:
            lane.cancel()

    async def _rest(self) -> None:
        if self._thirst.is_dry and self._is_empty:
            self._quiet.set()
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append(sleeper)
        await sleeper
        self._quiet.clear()
        self._is_rousing = False

    def _rouse(self) -> None:
        """Wake one lane; it wakes the next if there is more to do than it can take."""
        if self._sleepers and not self._is_rousing:
            self._is_rousing = True
            sleeper = self._sleepers.pop()
            if not sleeper.done():
                sleeper.set_result(None)

    def _rouse_all(self) -> None:
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        self._sleepers.clear()
