"""The clock of the host is set, forward or back: no job is lost, none begins before its time, each has one outcome."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace.storage import open as open_store
from headrace.storage.protocol import Storage
from headrace.testing import FrozenClock
from tests.conformance.desk import LEASE_MS, Desk, done, new, ref
from tests.faults.ground import ENGINES, broken_in
from tests.history.drive import Drive
from tests.history.final import final_of
from tests.history.rules import findings

TWO_HOURS = 2 * 3_600_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", *ENGINES])
async def store(request: pytest.FixtureRequest, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Storage]:
    with ExitStack() as stack:
        shared = stack.enter_context(broken_in(request.param, tmp_path)) if request.param in ENGINES else None
        store = open_store("memory://" if shared is None else shared.url, clock=clock)
        await store.open()
        yield store
        await store.close()


class Stepping(Drive):
    """A life in which somebody sets the clock; how often is in `steps`."""

    ways: tuple[int, ...] = ()
    steps = 0

    def pass_time(self, idle: int) -> None:
        if not idle and self.dice.random() < 0.2:
            self.steps += 1
            self.clock.advance(self.dice.choice(self.ways))
        else:
            self.clock.advance(2 * TWO_HOURS if idle else 50)  # in the end all delays are over, on any clock


class Forward(Stepping):
    ways = (TWO_HOURS,)


class BackAndForth(Stepping):
    ways = (TWO_HOURS, -TWO_HOURS)


@pytest.mark.parametrize("seed", range(3))
async def test_a_clock_that_jumps_forward_breaks_no_rule(store: Storage, clock: FrozenClock, seed: int) -> None:
    drive = Forward(store, clock, seed)
    history = await drive.live()
    assert findings(history, await final_of(store), least=20) == []
    assert drive.steps > 2


@pytest.mark.parametrize("seed", range(3))
async def test_a_clock_that_jumps_back_can_only_make_jobs_run_beside_themselves(
    store: Storage, clock: FrozenClock, seed: int
) -> None:
    """A lease that a jump forward has ended seems to last when the clock jumps back: that second run is documented."""
    drive = BackAndForth(store, clock, seed)
    history = await drive.live()
    said = findings(history, await final_of(store), least=20)
    assert {finding.rule for finding in said} <= {"double-run"}, said
    assert drive.steps > 2


async def test_a_jump_forward_ends_a_lease_and_the_first_worker_is_fenced(store: Storage, clock: FrozenClock) -> None:
    desk = Desk(store)
    await desk.add(new())
    first = await desk.claim_one(token="first")
    clock.advance(TWO_HOURS)
    assert await desk.recover() == (ref("1"),)
    clock.advance(-TWO_HOURS)
    second = await desk.claim_one(token="second")
    assert await desk.settle(done(first, '"first"')) != (None,)
    assert await desk.settle(done(second, '"second"')) == (None,)
    assert (await desk.record(ref("1"))).result == '"second"'


async def test_a_delay_ends_at_its_instant_and_a_jump_back_makes_it_longer(store: Storage, clock: FrozenClock) -> None:
    desk = Desk(store)
    await desk.add(new(delay_ms=10_000))
    clock.advance(-TWO_HOURS)
    reply = await desk.claimed()
    assert (reply.leases, reply.wait_ms) == ((), TWO_HOURS + 10_000)
    clock.advance(TWO_HOURS + 9_999)
    assert await desk.claim() == ()
    clock.advance(1)
    await desk.finish()


async def test_a_lease_outlives_a_jump_back_and_renewals_bring_it_to_the_new_time(
    store: Storage, clock: FrozenClock
) -> None:
    desk = Desk(store)
    await desk.add(new())
    lease = await desk.claim_one()
    clock.advance(-TWO_HOURS)
    clock.advance(LEASE_MS)
    assert await desk.recover() == ()
    assert (await desk.renew(lease)).lost == ()
    clock.advance(LEASE_MS)
    assert await desk.recover() == (ref("1"),)
