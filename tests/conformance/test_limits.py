"""Limits: how many jobs of a queue run, start and wait. `Configure` sets them, `Add` and `Claim` keep to them."""

import asyncio
from typing import Any

from headrace.core.commands import Add, Added, Configure, Queues
from headrace.core.errors import QueueFull
from headrace.core.jobs import JobRef
from headrace.core.limits import NONE, Limits, Rate
from headrace.core.topics import ready
from headrace.storage.protocol import Storage

from .clock import FrozenClock
from .desk import LEASE_MS, Desk, child, done, failed, ids, later, new, parent, pause, put_back, ref


async def limit(desk: Desk, **limits: Any) -> None:
    await desk.run(Configure("q", **limits))


async def limits(desk: Desk) -> Limits:
    (record,) = (await desk.run(Queues(("q",)))).queues
    found: Limits = record.limits
    return found


async def full(desk: Desk, *jobs: Any) -> QueueFull:
    refusal = await desk.refusal(Add(jobs or (new(),)))
    assert isinstance(refusal, QueueFull)
    return refusal


async def moved(store: Storage) -> bool:
    """Whether the queue was woken since this was asked last."""
    return bool(await store.wait({ready("q")}, 0))


# -- setting ----------------------------------------------------------------------------------------------------


async def test_a_queue_has_no_limits(desk: Desk) -> None:
    await desk.add(new())
    assert await limits(desk) == NONE


async def test_limits_are_set_one_by_one_and_lifted_by_none(desk: Desk) -> None:
    await limit(desk, concurrency=2, max_waiting=3)
    await limit(desk, rate=Rate(5, 1_000))
    assert await limits(desk) == Limits(2, 3, Rate(5, 1_000))
    await limit(desk, max_waiting=None)
    await limit(desk)
    assert await limits(desk) == Limits(2, None, Rate(5, 1_000))
    await limit(desk, concurrency=None, rate=None)
    assert await limits(desk) == NONE


async def test_limits_go_with_the_queue_that_is_forgotten(desk: Desk) -> None:
    from headrace.core.commands import Forget

    await limit(desk, concurrency=1, rate=Rate(1, 1_000))
    await desk.run(Forget("q"))
    await desk.add(new(), new())
    assert await limits(desk) == NONE
    assert len(await desk.claim()) == 2


# -- running ----------------------------------------------------------------------------------------------------


async def test_no_more_jobs_run_than_may(desk: Desk) -> None:
    await limit(desk, concurrency=2)
    await desk.add(*(new() for _ in range(5)))
    first = await desk.claim(limit=1)
    assert ids(await desk.claim()) == ["2"]
    assert await desk.claim() == ()
    await desk.settle(done(first[0]))
    assert ids(await desk.claim()) == ["3"]


async def test_a_queue_at_its_limit_does_not_hold_up_others(desk: Desk) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(), new(), new(queue="r"))
    assert len(await desk.claim("q", "r")) == 2


async def test_whoever_waits_for_a_place_is_woken_when_a_job_ends(desk: Desk, store: Storage) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(keep_completed=None), new())
    lease = await desk.claim_one()
    assert (await desk.claimed()).wait_ms is None
    await moved(store)
    await desk.settle(done(lease))
    assert await moved(store)


async def test_a_delayed_job_is_no_reason_to_ask_a_queue_that_runs_all_it_may(desk: Desk) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(), new(delay_ms=50))
    assert (await desk.claimed()).wait_ms is None


async def test_a_lease_that_ended_keeps_its_place_until_it_is_recovered(
    desk: Desk, store: Storage, clock: FrozenClock
) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(), new())
    await desk.claim_one()
    clock.advance(LEASE_MS)
    assert await desk.claim() == ()
    await moved(store)
    await desk.recover()
    assert await moved(store)
    assert ids(await desk.claim()) == ["1"]


async def test_a_place_is_free_when_a_running_job_is_removed(desk: Desk, store: Storage) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(), new())
    lease = await desk.claim_one()
    await moved(store)
    await desk.remove(ref(lease.id), is_forced=True)
    assert await moved(store)
    assert ids(await desk.claim()) == ["2"]


async def test_a_smaller_limit_lets_running_jobs_end(desk: Desk) -> None:
    await desk.add(*(new() for _ in range(4)))
    one, two = await desk.claim(limit=2)
    await limit(desk, concurrency=1)
    await desk.settle(done(one))
    assert await desk.claim() == ()
    await desk.settle(done(two))
    assert ids(await desk.claim()) == ["3"]


async def test_a_higher_limit_wakes(desk: Desk, store: Storage) -> None:
    await limit(desk, concurrency=1)
    await desk.add(new(), new())
    await desk.claim()
    await moved(store)
    await limit(desk, concurrency=2)
    assert await moved(store)
    assert ids(await desk.claim()) == ["2"]


async def test_one_call_that_settles_and_claims_uses_the_place(desk: Desk) -> None:
    from headrace.core.commands import Claim, Settle, Source

    await limit(desk, concurrency=1)
    await desk.add(new(), new())
    lease = await desk.claim_one()
    _, claimed = await desk.store.run(Settle((done(lease),)), Claim((Source("q"),), 5, "t2", LEASE_MS))
    assert ids(claimed.leases) == ["2"]


# -- waiting ----------------------------------------------------------------------------------------------------


async def test_no_more_jobs_wait_than_may(desk: Desk) -> None:
    await limit(desk, max_waiting=2)
    await desk.add(new(), new())
    refusal = await full(desk)
    assert (refusal.queue, refusal.most) == ("q", 2)
    assert str(refusal) == "the queue 'q' is full: 2 jobs may wait; try again later, or raise the limit"
    await desk.claim_one()
    await desk.add(new())


async def test_all_that_has_not_run_counts_as_waiting(desk: Desk) -> None:
    await limit(desk, max_waiting=4)
    await desk.add(new(priority=1), new(delay_ms=10), parent("up"), child("up"))
    await full(desk, new(delay_ms=1))


async def test_an_add_that_does_not_fit_is_refused_whole(desk: Desk) -> None:
    await limit(desk, max_waiting=2)
    await full(desk, new(queue="r"), new(), new(), new())
    assert await desk.counts("r") == {}
    assert await desk.add(new(), new()) == (ref("1"), ref("2"))


async def test_every_queue_of_an_add_has_a_say(desk: Desk) -> None:
    await limit(desk, max_waiting=0)
    assert (await full(desk, parent("up", queue="r"), child("up", of_queue="r"))).queue == "q"
    assert not await desk.exists(JobRef("r", "up"))


async def test_a_job_that_is_there_already_is_no_newcomer(desk: Desk) -> None:
    await limit(desk, max_waiting=1)
    await desk.add(new(id="mine"))
    assert await desk.run(Add((new(id="mine"),))) == Added((ref("mine"),), (0,))


async def test_what_an_add_names_twice_is_one_job(desk: Desk) -> None:
    await limit(desk, max_waiting=1)
    await desk.add(new(id="mine"), new(id="mine"))


async def test_a_repeated_request_is_answered_by_a_full_queue(desk: Desk) -> None:
    await limit(desk, max_waiting=1)
    (job,) = await desk.add(new(), request_id="one")
    assert await desk.add(new(), request_id="one") == (job,)
    await full(desk)


async def test_adds_of_one_call_count_one_by_one(desk: Desk) -> None:
    await limit(desk, max_waiting=3)
    replies = await desk.store.run(*(Add((new(), new())) for _ in range(2)), Add((new(),)), Add((new(),)))
    assert [type(reply) for reply in replies] == [Added, QueueFull, Added, QueueFull]


async def test_a_waiting_limit_of_zero_takes_what_can_run(desk: Desk) -> None:
    await limit(desk, concurrency=2, max_waiting=0)
    await desk.add(new(), new())
    await full(desk)
    (one, _) = await desk.claim()
    await full(desk)
    await desk.settle(done(one))
    await desk.add(new())
    assert ids(await desk.claim()) == ["3"]


async def test_a_waiting_limit_of_zero_alone_takes_nothing(desk: Desk) -> None:
    await limit(desk, max_waiting=0)
    await full(desk)


async def test_what_was_accepted_once_comes_back_into_a_full_queue(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new(str(n), attempts=2, backoff=pause(5)) for n in range(5)), new("due", delay_ms=1))
    leases = await desk.claim(limit=5)
    await limit(desk, max_waiting=0)
    clock.advance(1)
    await desk.settle(failed(leases[0]), later(leases[1], 5), put_back(leases[2]), done(leases[3]))
    await desk.move("retry", ref("4"))
    await desk.move("promote", ref("1"))
    clock.advance(LEASE_MS)
    assert await desk.recover() == (ref("5"),)
    await full(desk)
    assert sorted(ids(await desk.claim())) == ["1", "2", "3", "4", "5", "6"]


# -- rate -------------------------------------------------------------------------------------------------------


async def test_no_more_jobs_start_in_any_span_than_may(desk: Desk, clock: FrozenClock) -> None:
    await limit(desk, rate=Rate(2, 1_000))
    await desk.add(*(new() for _ in range(5)))
    assert len(await desk.claim(limit=1)) == 1
    clock.advance(400)
    claimed = await desk.claimed()
    assert (len(claimed.leases), claimed.wait_ms) == (1, 600)
    clock.advance(599)
    assert await desk.claim() == ()
    clock.advance(1)
    claimed = await desk.claimed()
    assert (ids(claimed.leases), claimed.wait_ms) == (["3"], 400)


async def test_a_start_counts_however_it_ended(desk: Desk) -> None:
    await limit(desk, rate=Rate(1, 1_000))
    await desk.add(new())
    await desk.settle(put_back(await desk.claim_one()))
    assert await desk.claim() == ()


async def test_a_rate_that_is_lifted_and_set_again_begins_anew(desk: Desk, store: Storage) -> None:
    await limit(desk, rate=Rate(1, 1_000))
    await desk.add(new(), new(), new())
    await desk.claim_one()
    await moved(store)
    await limit(desk, rate=None)
    assert await moved(store)
    await desk.claim_one()
    await limit(desk, rate=Rate(1, 1_000))
    await desk.claim_one()


async def test_a_rate_that_changes_remembers_what_started(desk: Desk) -> None:
    await limit(desk, rate=Rate(3, 1_000))
    await desk.add(*(new() for _ in range(9)))
    await desk.claim(limit=2)
    await limit(desk, rate=Rate(4, 1_000))
    assert len(await desk.claim()) == 2


async def test_a_clock_that_is_set_back_makes_the_next_start_later(desk: Desk, clock: FrozenClock) -> None:
    await limit(desk, rate=Rate(1, 1_000))
    await desk.add(new(), new())
    await desk.claim_one()
    clock.advance(-5_000)
    claimed = await desk.claimed()
    assert (claimed.leases, claimed.wait_ms) == ((), 6_000)
    clock.advance(6_000)
    assert ids(await desk.claim()) == ["2"]


async def test_with_a_place_missing_too_only_news_help(desk: Desk) -> None:
    await limit(desk, concurrency=1, rate=Rate(1, 1_000))
    await desk.add(new(), new())
    lease = await desk.claim_one()
    assert (await desk.claimed()).wait_ms is None
    await desk.settle(done(lease))
    assert (await desk.claimed()).wait_ms == 1_000


async def test_a_thousand_adds_at_once_fill_a_queue_to_its_limit_and_not_beyond(desk: Desk) -> None:
    await limit(desk, max_waiting=500)
    replies = await asyncio.gather(*(desk.store.run(Add((new(),), f"request {n}")) for n in range(1_000)))
    assert sum(isinstance(reply, Added) for reply in replies) == 500
    assert await desk.counts() == {"waiting": 500}
    again = await asyncio.gather(*(desk.store.run(Add((new(),), f"request {n}")) for n in range(1_000)))
    assert [reply for reply in again if isinstance(reply, Added)] == [r for r in replies if isinstance(r, Added)]
