"""Whatever is done to a queue with limits: they hold at every moment, and nobody is passed over for ever."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core.commands import Add, Configure, Remove
from headrace.core.jobs import STATES, Lease
from headrace.core.limits import Capacity, Rate
from headrace.storage.protocol import Storage
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, done, failed, later, new, put_back

SHORT = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
KEYS = "abcd"
counts = st.integers(1, 4)
deeds = st.one_of(
    st.tuples(st.just("add"), st.text(KEYS, min_size=1, max_size=4), st.sampled_from((0, 0, 0, 1)), st.booleans()),
    st.tuples(st.just("claim"), st.integers(1, 6)),
    st.tuples(st.just("end"), counts, st.sampled_from((done, done, failed, put_back, lambda lease: later(lease, 20)))),
    st.tuples(st.just("advance"), st.sampled_from((5, 20, 50, 100))),
    st.tuples(st.just("recover")),
)


class Watched:
    """A queue with limits, and all that was done to it."""

    def __init__(self, desk: Desk, clock: FrozenClock, limits: tuple[int, int, Rate, Capacity]) -> None:
        self.desk, self.clock = desk, clock
        self.concurrency, self.max_waiting, self.rate, self.capacity = limits
        self.leases: list[Lease] = []
        self.starts: list[int] = []
        self.tokens = count()

    async def add(self, keys: str, priority: int, is_delayed: bool) -> None:
        jobs = [
            new(key, data=f'{{"tenant":"{key}"}}', priority=priority, delay_ms=30 * is_delayed, attempts=2)
            for key in keys
        ]
        before = await self.desk.counts()
        reply = await self.desk.store.run(Add(tuple(jobs)))
        counts = await self.desk.counts()
        if hasattr(reply, "jobs"):
            unfinished = sum(n for state, n in counts.items() if state not in ("completed", "failed"))
            assert unfinished - counts.get("active", 0) <= self.max_waiting + self.concurrency - counts.get("active", 0)
        else:
            assert counts == before

    async def claim(self, limit: int) -> None:
        leases = await self.desk.claim(limit=limit, token=f"t{next(self.tokens)}", lease_ms=60)
        self.leases += leases
        self.starts += [self.clock.now] * len(leases)

    async def end(self, number: int, how: Any) -> None:
        gone, self.leases = self.leases[:number], self.leases[number:]
        if gone:
            await self.desk.settle(*map(how, gone))

    async def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    async def recover(self) -> None:
        await self.desk.recover()

    async def look(self) -> None:
        active = await self.desk.found("q", "active")
        assert len(active) <= self.concurrency
        assert max(Counter(job.name for job in active).values(), default=0) <= (self.capacity.running or 0)
        recent = [at for at in self.starts if at > self.clock.now - self.rate.per_ms]
        assert len(recent) <= self.rate.most


async def live(
    make: Callable[[FrozenClock], Storage], limits: tuple[int, int, Rate, Capacity], deeds: list[Any]
) -> None:
    clock = FrozenClock()
    store = make(clock)
    await store.open()
    desk = Desk(store)
    concurrency, max_waiting, rate, capacity = limits
    set_all = Configure("q", concurrency=concurrency, max_waiting=max_waiting, rate=rate, per_key={"tenant": capacity})
    await desk.run(set_all)
    queue = Watched(desk, clock, limits)
    for deed, *how in deeds:
        await getattr(queue, deed)(*how)
        await queue.look()
    for _ in range(200):  # everything that was accepted runs in the end
        clock.advance(100)
        await desk.recover()
        await queue.claim(100)
        await queue.look()
        await queue.end(100, done)
    assert set(await desk.counts()) <= {"completed", "failed"}
    await desk.run(Remove(queue="q", states=STATES))
    await store.close()


def test_limits_hold_at_every_moment_and_everything_runs_in_the_end(make: Callable[[FrozenClock], Storage]) -> None:
    @SHORT
    @given(
        st.tuples(
            counts,
            st.integers(0, 6),
            st.builds(Rate, counts, st.sampled_from((20, 100))),
            st.builds(Capacity, counts, st.one_of(st.none(), st.integers(0, 3))),
        ),
        st.lists(deeds, max_size=25),
    )
    def run(limits: tuple[int, int, Rate, Capacity], done: list[Any]) -> None:
        asyncio.run(live(make, limits, done))

    run()


async def test_each_key_has_its_turn_before_any_has_two_however_many_come_new(
    make: Callable[[FrozenClock], Storage],
) -> None:
    store = make(FrozenClock())
    await store.open()
    desk = Desk(store)
    await desk.run(Configure("q", per_key={"tenant": Capacity()}))
    backlog = [new(key, data=f'{{"tenant":"{key}"}}') for key in "aaaaaaaabbbbccd" for _ in range(3)]
    await desk.add(*backlog)
    served = []
    for number in range(60):
        await desk.add(new("new", data=f'{{"tenant":"new{number}"}}'))
        served.append((await desk.finish()).name)
    assert served[:4] == ["a", "b", "c", "d"]
    last = {key: at for at, key in enumerate(served) if key != "new"}
    assert set(last) == set("abcd")
    turns = [at for at, key in enumerate(served) if key == "a"]
    # Between two turns of a key come the other three, and the newcomers that were there when it had the first.
    assert all(after - before <= 5 + before for before, after in pairwise(turns))
    assert len(turns) >= 5
    await store.close()
