"""Whatever is done with one dedup key: the queue keeps what each mode promises, and says truly what it did."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headrace.core.commands import Add, Queues
from headrace.core.jobs import Dedup, JobRef, Lease
from headrace.storage.protocol import Storage
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, done, failed, new, put_back

SHORT = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
TTL_MS, DELAY_MS, LEASE_MS = 50, 30, 60
MODES = {
    "simple": Dedup("k"),
    "throttle": Dedup("k", TTL_MS),
    "extend": Dedup("k", TTL_MS, extends=True),
    "for ever": Dedup("k", is_forever=True),
    "replace": Dedup("k", replaces=True),
    "reschedule": Dedup("k", reschedules=True),
    "keep last": Dedup("k", keeps_last=True),
}
deeds = st.one_of(
    st.tuples(st.just("add"), st.booleans()),
    st.tuples(st.just("add"), st.booleans()),
    st.tuples(st.just("claim")),
    st.tuples(st.just("end"), st.sampled_from((done, failed, put_back))),
    st.tuples(st.just("advance"), st.sampled_from((5, 20, 30, 50))),
    st.tuples(st.just("recover")),
)


class Watched:
    """A queue to which jobs of one key are added, and what was said and seen of them."""

    def __init__(self, desk: Desk, clock: FrozenClock, dedup: Dedup) -> None:
        self.desk, self.clock, self.dedup = desk, clock, dedup
        self.leases: list[Lease] = []
        self.stored: list[int] = []  # when a job was stored, and none replaced
        self.prolonged: list[int] = []  # when a duplicate came
        self.unseen = False  # something was added, and no run has begun since that could know of it
        self.numbers, self.tokens = count(), count()

    async def owner(self) -> JobRef | None:
        (queue,) = (await self.desk.run(Queues(("q",), "k"))).queues or (None,)
        return queue.dedup.job if queue and queue.dedup else None

    async def add(self, is_delayed: bool) -> None:
        before, data = await self.owner(), str(next(self.numbers))
        job = new(dedup=self.dedup, data=data, delay_ms=DELAY_MS * is_delayed, max_stalled=99)
        added = await self.desk.run(Add((job,)))
        self.unseen = True
        if not added.duplicates:
            assert added.jobs == (await self.owner(),)
            assert (await self.desk.record(added.jobs[0])).data == data
            assert (before is None) == (added.replaced == ()), "what has the key is replaced, or the key was free"
            self.stored += [] if added.replaced else [self.clock.now]
        else:
            assert added.jobs == (before,) == (await self.owner(),)
            self.prolonged.append(self.clock.now)
        if added.kept:
            assert self.dedup.keeps_last
            assert before is not None
            assert (await self.desk.record(before)).state == "active"

    async def claim(self) -> None:
        leases = await self.desk.claim(token=f"t{next(self.tokens)}", lease_ms=LEASE_MS)
        self.leases += leases
        self.unseen = self.unseen and not leases

    async def end(self, how: Any, number: int = 1) -> None:
        gone, self.leases = self.leases[:number], self.leases[number:]
        if gone:
            await self.desk.settle(*map(how, gone))

    async def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    async def recover(self) -> None:
        await self.desk.recover()

    async def look(self) -> None:
        counts = await self.desk.counts()
        open_ = sum(number for state, number in counts.items() if state not in ("completed", "failed"))
        if self.dedup.is_until_finished:
            assert open_ <= 1
            assert (open_ == 1) == (await self.owner() is not None)
        if self.dedup.is_forever:
            assert len(self.stored) <= 1
        if self.dedup.ttl_ms is not None:
            since = sorted({*self.stored, *(self.prolonged if self.dedup.extends else ())})
            gaps = [at - max(before for before in since if before < at) for at in self.stored if at > since[0]]
            assert min(gaps, default=TTL_MS) >= TTL_MS


async def live(make: Callable[[FrozenClock], Storage], dedup: Dedup, deeds: list[Any]) -> None:
    clock = FrozenClock()
    store = make(clock)
    await store.open()
    queue = Watched(Desk(store), clock, dedup)
    for deed, *how in deeds:
        await getattr(queue, deed)(*how)
        await queue.look()
    for _ in range(6):  # what is there, and what is kept, runs in the end
        clock.advance(100)
        await queue.recover()
        await queue.claim()
        await queue.end(done, 100)
        await queue.look()
    assert not dedup.keeps_last or not queue.unseen, "what came last is seen by a run that began after it"
    assert set(await queue.desk.counts()) <= {"completed", "failed"}
    await store.close()


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_keeps_its_promise_whatever_happens(make: Callable[[FrozenClock], Storage], mode: str) -> None:
    @SHORT
    @given(st.lists(deeds, max_size=30))
    @example([("add", False), ("advance", 30), ("add", False), ("advance", 30), ("add", False)])  # rare by chance
    def run(deeds: list[Any]) -> None:
        asyncio.run(live(make, MODES[mode], deeds))

    run()
