"""Claim: hand out ready jobs, each under a lease."""

from headrace.core.commands import Claimed, Configure
from headrace.core.jobs import JobRef, Lease
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import LEASE_MS, Desk, child, done, ids, later, new, parent, put_back, ref


async def test_a_lease_holds_what_a_worker_needs(desk: Desk, clock: FrozenClock) -> None:
    job = new("resize", data='{"a":1}', priority=7, attempts=3)
    await desk.add(job)
    added_at = clock.now
    clock.advance(5)
    assert await desk.claim(token="secret") == (
        Lease(
            queue="q",
            id="1",
            token="secret",
            name="resize",
            data='{"a":1}',
            options=job.options,
            priority=7,
            added_at=added_at,
            attempts_made=0,
            attempts_started=1,
            stalls=0,
            waited_ms=5,
        ),
    )


async def test_a_claimed_job_is_active_until_its_lease_ends(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    clock.advance(5)
    await desk.claim(worker="mill", lease_ms=1_000)
    record = await desk.record(job)
    assert (record.state, record.worker) == ("active", "mill")
    assert (record.started_at, record.expires_at) == (clock.now, clock.now + 1_000)
    assert (record.attempts_made, record.attempts_started) == (0, 1)


async def test_a_job_is_handed_out_once(desk: Desk) -> None:
    await desk.add(new())
    assert len(await desk.claim()) == 1
    assert await desk.claim() == ()


async def test_an_unknown_queue_gives_nothing_and_is_not_made(desk: Desk) -> None:
    assert await desk.claimed("nowhere") == Claimed(())
    assert await desk.counts("nowhere") == {}


async def test_no_more_than_the_limit_is_handed_out(desk: Desk) -> None:
    await desk.add(new(), new(), new())
    assert ids(await desk.claim(limit=2)) == ["1", "2"]
    assert ids(await desk.claim(limit=2)) == ["3"]


async def test_a_limit_of_nothing_gives_nothing(desk: Desk) -> None:
    await desk.add(new())
    assert await desk.claim(limit=0) == ()
    assert await desk.counts() == {"waiting": 1}


async def test_jobs_come_unprioritised_first_then_by_priority_then_by_arrival(desk: Desk) -> None:
    await desk.add(new(priority=2), new(priority=1), new(), new(priority=1), new())
    assert ids(await desk.claim()) == ["3", "5", "2", "4", "1"]


async def test_sources_are_served_in_the_order_given(desk: Desk) -> None:
    await desk.add(new(queue="a"), new(queue="b"), new(queue="b"), new(queue="a"))
    leases = await desk.claim("b", "a", limit=3)
    assert [JobRef(lease.queue, lease.id) for lease in leases] == [ref("1", "b"), ref("2", "b"), ref("1", "a")]


async def test_only_the_names_that_a_worker_serves_are_handed_out(desk: Desk) -> None:
    await desk.add(new("a"), new("b"), new("c", priority=1), new("a"))
    assert ids(await desk.claim(names=("c", "a"))) == ["1", "4", "3"]
    assert await desk.claim(names=()) == ()
    assert ids(await desk.claim()) == ["2"]


async def test_each_claim_is_an_event(desk: Desk) -> None:
    await desk.add(new(), new(priority=1))
    await desk.claim()
    assert (await desk.events())[2:] == [("1", Change("active", "waiting")), ("2", Change("active", "prioritized"))]


async def test_a_due_job_is_promoted_and_handed_out(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(delay_ms=100))
    clock.advance(99)
    assert await desk.claimed() == Claimed((), 1)
    clock.advance(1)
    assert ids(await desk.claim()) == ["1"]
    assert await desk.changes(job) == [Change("delayed"), Change("waiting", "delayed"), Change("active", "waiting")]
    assert (await desk.record(job)).due_at is None


async def test_due_jobs_line_up_behind_those_that_wait_in_the_order_of_their_time(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(delay_ms=30), new(delay_ms=10), new(delay_ms=30), new(delay_ms=20, priority=1), new())
    clock.advance(30)
    assert ids(await desk.claim()) == ["5", "2", "1", "3", "4"]


async def test_a_lifo_job_that_is_due_goes_to_the_back(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=1, lifo=True), new())
    clock.advance(1)
    assert ids(await desk.claim()) == ["2", "1"]


async def test_due_jobs_of_a_name_nobody_serves_are_promoted_too(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new("other", delay_ms=1))
    clock.advance(1)
    assert await desk.claimed(names=("task",)) == Claimed(())
    assert await desk.counts() == {"waiting": 1}


async def test_a_paused_queue_gives_no_job(desk: Desk) -> None:
    await desk.add(new())
    await desk.run(Configure("q", is_paused=True))
    assert await desk.claimed() == Claimed(())
    await desk.run(Configure("q", is_paused=False))
    assert ids(await desk.claim()) == ["1"]


async def test_a_paused_queue_still_promotes_what_is_due(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(delay_ms=1), new(delay_ms=9))
    await desk.run(Configure("q", is_paused=True))
    clock.advance(1)
    assert await desk.claimed() == Claimed(())
    assert await desk.counts() == {"waiting": 1, "delayed": 1}


async def test_a_resting_queue_gives_no_job_and_says_how_long(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(delay_ms=10))
    await desk.settle(put_back(await desk.claim_one(), rest_ms=500))
    clock.advance(100)
    assert await desk.claimed() == Claimed((), 400)
    assert await desk.counts() == {"waiting": 2}
    clock.advance(400)
    assert ids(await desk.claim()) == ["1", "2"]


async def test_the_wait_is_until_the_first_of_all_queues_may_have_a_job(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(queue="a", delay_ms=300), new(queue="b", delay_ms=200), new(queue="c", delay_ms=100))
    await desk.run(Configure("c", is_paused=True))
    assert (await desk.claimed("a", "b", "c", "d")).wait_ms == 200


async def test_a_resting_queue_counts_its_rest_only(desk: Desk) -> None:
    await desk.add(new(), new(delay_ms=10))
    await desk.settle(put_back(await desk.claim_one(), rest_ms=500))
    assert (await desk.claimed()).wait_ms == 500


async def test_a_claim_that_got_all_it_asked_for_names_no_wait(desk: Desk) -> None:
    await desk.add(new(), new(delay_ms=10))
    assert (await desk.claimed(limit=1)).wait_ms is None
    assert (await desk.claimed(limit=1)).wait_ms == 10


async def test_jobs_that_are_due_beyond_the_thousandth_are_a_wait_of_nothing(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new("other", delay_ms=1) for _ in range(1_001)))
    clock.advance(5)
    assert (await desk.claimed(names=("task",))).wait_ms == 0
    assert await desk.counts() == {"waiting": 1_000, "delayed": 1}
    assert (await desk.claimed(names=("task",))).wait_ms is None


async def test_a_job_with_a_deferred_failure_is_handed_out_whatever_its_name(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new("nobody serves me", max_stalled=0))
    await desk.claim(lease_ms=1)
    clock.advance(1)
    await desk.recover()
    (lease,) = await desk.claim(names=("task",))
    assert lease.deferred is not None
    assert (lease.deferred.cause, lease.deferred.at, lease.stalls) == ("stalled", clock.now, 1)


async def test_a_lease_names_the_parent(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    assert (await desk.claim_one("r")).parent == ref("p")


async def test_a_child_whose_parent_was_removed_has_none(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.remove(ref("p"))
    assert (await desk.record(ref("1", "r"))).parent is None
    assert (await desk.claim_one("r")).parent is None


async def test_runs_are_counted_apart_from_attempts(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.settle(later(await desk.claim_one(), 1))
    clock.advance(1)
    lease = await desk.claim_one()
    assert (lease.attempts_started, lease.attempts_made) == (2, 0)


async def test_a_job_is_claimed_with_its_newest_data(desk: Desk) -> None:
    (job,) = await desk.add(new(data="1"))
    await desk.annotate(job, data="2")
    assert (await desk.claim_one()).data == "2"


async def test_what_a_settlement_released_can_be_claimed_in_the_next_call(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.settle(done(await desk.claim_one()))
    assert ids(await desk.claim()) == ["p"]


async def test_a_thousand_jobs_are_claimed_at_once(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(1_200)))
    leases = await desk.claim(limit=1_000, lease_ms=LEASE_MS)
    assert len(leases) == 1_000
    assert await desk.counts() == {"waiting": 200, "active": 1_000}


async def test_to_wait_for_the_second_of_two_jobs_that_are_due_together_takes_no_longer(desk: Desk) -> None:
    first, _ = await desk.add(new(delay_ms=10), new(delay_ms=10))
    await desk.remove(first)
    assert (await desk.claimed()).wait_ms == 10
