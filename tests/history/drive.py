"""A life for a store: callers and workers in one coroutine, drawn from a seed, until nothing is left to do.

Jobs and flows are added, requests repeated; runs succeed, fail, are put back, or are given up and settled too late.
"""

import random
from dataclasses import dataclass
from typing import Any

from headrace.core import lifecycle
from headrace.core.backoff import Fixed
from headrace.core.commands import Add, Claim, Command, Recover, Renew, Settle, Source
from headrace.core.commands.jobs import Hold
from headrace.core.errors import Unavailable
from headrace.core.jobs import Failure, JobRef, Lease, NewJob, Options, Parent
from headrace.core.outcomes import Done, Failed, Outcome, PutBack
from headrace.storage.protocol import Storage
from headrace.testing import FrozenClock
from tests.history.facts import Fact
from tests.history.history import History
from tests.history.recorder import Recorder

QUEUES = ("q", "r")
LEASE_MS = 1_000
TURNS_MAX = 300
IDLE_MAX = 6  # turns in a row, a lease long each: longer than any delay


@dataclass
class Ticks:
    """The order of what happens, as a time."""

    now: int = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


class Drive:
    """One such life on one store."""

    def __init__(self, store: Storage, clock: FrozenClock, seed: int, *, jobs: int = 25) -> None:
        self.facts: list[Fact] = []
        self.clock = clock
        self.dice = random.Random(seed)
        self.store = Recorder(store, self.facts.append, who="all", now=Ticks(), clock=clock)
        self.jobs = jobs
        self.late: list[Lease] = []  # given up by who held them
        self.claims = 0

    async def live(self) -> History:
        for number in range(self.jobs):
            await self.add(number)
        await self.add_refused()
        idle = 0
        for _ in range(TURNS_MAX):
            idle = 0 if await self.work() else idle + 1
            if idle > IDLE_MAX:
                break
            self.pass_time(idle)
            await self.ask(Recover())
        await self.settle_late()
        return History(self.facts)

    def pass_time(self, idle: int) -> None:
        """Let the clock go on, by more when nothing was to be done in so many turns."""
        self.clock.advance(LEASE_MS if idle else self.dice.choice((10, 50, 400)))

    async def ask(self, command: Command[Any]) -> Any:
        """The reply; None if there was none."""
        try:
            return await self.store.run(command)
        except Unavailable:
            return None

    async def add(self, number: int) -> None:
        """A job, or a flow; now and then the request is sent twice."""
        dice = self.dice
        options = Options(attempts=dice.choice((1, 2, 3)), backoff=Fixed(dice.choice((0, 300))), max_stalled=50)
        if number % 4 == 0:
            root = NewJob("q", "parent", f'{{"n":{number}}}', f"root{number}", has_children=True)
            under = Parent("q", f"root{number}")
            leaves = [NewJob("r", "leaf", f'{{"n":{number}.{n}}}', options=options, parent=under) for n in range(3)]
            command = Add((root, *leaves), f"request {number}")
        else:
            delay = dice.choice((0, 0, 100, 3_000))
            queue = dice.choice(QUEUES)
            name = "doomed" if number % 5 == 1 else "plain"
            job = NewJob(queue, name, f'{{"n":{number}}}', delay_ms=delay, options=options)
            command = Add((job,), f"request {number}")
        for _ in range(dice.choice((1, 1, 2))):
            await self.ask(command)

    async def add_refused(self) -> None:
        """The id of a flow's node is taken: nothing may be stored."""
        if JobRef("q", "root0") not in History(self.facts).jobs:
            return  # nobody was told of that flow, so the id may be free
        await self.ask(Add((NewJob("q", "refused", id="root0", has_children=True), NewJob("q", "refused"))))

    async def work(self) -> bool:
        """Claim some, end most of them; whether there was anything."""
        self.claims += 1
        sources = tuple(map(Source, self.dice.sample(QUEUES, 2)))
        claimed = await self.ask(Claim(sources, 4, f"t{self.claims}", LEASE_MS, "w"))
        if claimed is None:
            return True  # who knows
        kept: list[Lease] = []
        for lease in claimed.leases:
            (self.late if self.dice.random() < 0.15 else kept).append(lease)
        if kept and self.dice.random() < 0.2:
            await self.ask(Renew(tuple(Hold(one.queue, one.id, one.token) for one in kept), LEASE_MS))
        if self.dice.random() < 0.3:
            self.clock.advance(50)
        if kept:
            await self.ask(Settle(tuple(map(self.settlement, kept))))
        if self.dice.random() < 0.3:
            await self.settle_late()
        return bool(claimed.leases)

    async def settle_late(self) -> None:
        """What was given up is settled after all; most of it must be refused."""
        for lease in self.late:
            await self.ask(Settle((self.settlement(lease),)))
        self.late.clear()

    def settlement(self, lease: Lease) -> lifecycle.Settlement:
        if lease.deferred is not None:
            return lifecycle.settle_deferred(lease, lease.deferred)
        throw = 0.8 if lease.name == "doomed" else self.dice.random()
        failure = Failure("no", attempt=lease.attempts_made + 1)
        outcome: Outcome = Done(f'"{lease.token}"') if throw < 0.7 else Failed(failure) if throw < 0.9 else PutBack()
        return lifecycle.settle(lease, outcome, 0.0)
