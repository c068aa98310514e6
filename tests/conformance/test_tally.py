"""Tally: what finished in each minute, and how long it had waited and run; counted by Settle, forgotten by Recover."""

import pytest

from headrace.core.commands import Forget, Move, Settle, Tallied, Tally, TallyRecord
from headrace.core.commands.jobs import SETTLE_MAX
from headrace.core.jobs import Failure
from headrace.core.tallies import BUCKETS, MINUTE_MS, TALLIES_FORGOTTEN_MAX, TALLIES_KEPT_MINUTES, TALLY_NAMES_MAX

from .clock import FrozenClock
from .desk import Desk, awaits_children, deferred, done, failed, keep, later, new, put_back, ref

START = 1_700_000_000_000 // MINUTE_MS * MINUTE_MS


def buckets(**counts: int) -> tuple[int, ...]:
    """`b3=2`: two in bucket 3."""
    return tuple(counts.get(f"b{number}", 0) for number in range(BUCKETS))


async def tallies(desk: Desk, queue: str = "q", minutes: int = 60) -> list[TallyRecord]:
    return list((await desk.run(Tally(queue, minutes))).tallies)


async def outcomes(desk: Desk, minutes: int = 60) -> list[tuple[int, str, int, int]]:
    """What finished, as (minute after the start, name, completed, failed)."""
    found = await tallies(desk, minutes=minutes)
    return [((one.at - START) // MINUTE_MS, one.name, one.completed, one.failed) for one in found]


async def test_what_finished_is_counted_by_minute_name_and_outcome(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    await desk.add(new("b"), new("a"), new("a"), new("a"))
    await desk.finish()
    await desk.finish()
    await desk.fail()
    clock.advance(MINUTE_MS)
    await desk.finish()
    assert await outcomes(desk) == [(0, "a", 1, 1), (0, "b", 1, 0), (1, "a", 1, 0)]
    assert (await desk.run(Tally("q"))).until == START + 2 * MINUTE_MS


async def test_outcomes_of_one_settle_make_one_tally_of_each_name(desk: Desk) -> None:
    await desk.add(new("a"), new("b"), new("a"))
    first, second, third = await desk.claim()
    await desk.settle(done(first), done(second), failed(third))
    assert [(one.name, one.completed, one.failed) for one in await tallies(desk)] == [("a", 1, 1), ("b", 1, 0)]


async def test_waits_and_runs_are_counted_in_buckets_of_powers_of_two(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    for waited, ran in ((0, 0), (1, 3), (3, 4), (1_000, 1_023)):
        await desk.add(new())
        clock.advance(waited)
        lease = await desk.claim_one()
        assert lease.waited_ms == waited
        clock.advance(ran)
        await desk.settle(done(lease))
    (tally,) = await tallies(desk)
    assert tally.waits == buckets(b0=1, b1=1, b2=1, b10=1)
    assert tally.runs == buckets(b0=1, b2=1, b3=1, b10=1)


async def test_a_span_of_weeks_is_in_the_last_bucket_and_one_that_went_backwards_in_the_first(
    desk: Desk, clock: FrozenClock
) -> None:
    clock.now = START
    await desk.add(new(), new())
    clock.advance(-5)
    lease = await desk.claim_one()
    clock.advance(-5)
    await desk.settle(done(lease))
    clock.advance(10 + 30 * 86_400_000)
    await desk.finish()
    (last,) = await tallies(desk, minutes=1)
    assert last.waits == buckets(b31=1)
    clock.now = START
    (first, *_) = await tallies(desk)
    assert (first.waits, first.runs) == (buckets(b0=1), buckets(b0=1))


async def test_the_wait_is_that_of_the_run_that_finished(desk: Desk, clock: FrozenClock) -> None:
    """Delays, earlier attempts and the time spent on children are no waiting in line."""
    clock.now = START
    await desk.add(new(delay_ms=1_000, attempts=2))
    clock.advance(1_000)
    lease = await desk.claim_one()
    assert lease.waited_ms == 0
    clock.advance(500)
    await desk.settle(later(lease, 2_000))
    clock.advance(2_000)
    lease = await desk.claim_one()
    await desk.settle(put_back(lease))
    clock.advance(7)
    lease = await desk.claim_one()
    assert lease.waited_ms == 7
    await desk.settle(done(lease))
    (tally,) = await tallies(desk)
    assert (tally.completed, tally.waits, tally.runs) == (1, buckets(b3=1), buckets(b0=1))


async def test_only_what_finishes_is_counted(desk: Desk) -> None:
    await desk.add(new(attempts=2), new(), new(), new())
    first, second, third, fourth = await desk.claim()
    await desk.settle(failed(first), later(second, 10), put_back(third), awaits_children(fourth))
    await desk.run(Settle((done(first),)))  # its lease is over
    assert await tallies(desk) == []


async def test_a_job_that_fails_without_a_run_is_counted_and_a_cancelled_one_that_was_not_claimed_is_not(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.add(new(max_stalled=0), new())
    await desk.claim_one(lease_ms=10)
    clock.advance(10)
    await desk.recover()
    await desk.run(Move((ref("2"),), "cancel", failure=Failure("no", "cancelled")))
    lease = await desk.claim_one()
    await desk.settle(deferred(lease))
    assert [(one.completed, one.failed) for one in await tallies(desk)] == [(0, 1)]


async def test_a_job_that_is_not_kept_is_counted(desk: Desk) -> None:
    await desk.add(new(keep_completed=keep(0)))
    await desk.finish()
    assert [one.completed for one in await tallies(desk)] == [1]


async def test_the_last_minutes_include_the_present_one(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    await desk.add(*(new() for _ in range(4)))
    for _ in range(4):
        await desk.finish()
        clock.advance(MINUTE_MS)
    clock.advance(-1)
    assert [at for at, *_ in await outcomes(desk, 2)] == [2, 3]
    assert await tallies(desk, minutes=0) == []


async def test_another_queue_has_its_own_and_one_that_is_not_there_none(desk: Desk) -> None:
    await desk.add(new(), new(queue="r"))
    await desk.finish("q")
    assert len(await tallies(desk, "q")) == 1
    assert await tallies(desk, "r") == await tallies(desk, "nowhere") == []


async def test_a_queue_that_is_forgotten_takes_its_tallies_along(desk: Desk) -> None:
    await desk.add(new(keep_completed=keep(0)))
    await desk.finish()
    await desk.run(Forget("q"))
    await desk.add(new())
    assert await tallies(desk) == []


async def test_task_names_beyond_the_bound_are_counted_together(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    names = [f"{number:03}" for number in range(TALLY_NAMES_MAX + 2)]
    await desk.add(*(new(name) for name in names), new(names[0]), new(names[-1]))
    leases = await desk.claim(limit=SETTLE_MAX)
    await desk.settle(*map(done, leases[:-2]))
    await desk.settle(*map(done, leases[-2:]))
    found = {one.name: one.completed for one in await tallies(desk)}
    assert list(found) == ["", *names[:-2]]
    assert (found[""], found["000"], found["001"]) == (3, 2, 1)


@pytest.mark.parametrize("spares", [0, 1])
async def test_old_tallies_are_forgotten_by_recover(desk: Desk, clock: FrozenClock, spares: int, engine: str) -> None:
    if engine == "redis":
        pytest.skip("on Redis they go by themselves, in real time")
    clock.now = START
    await desk.add(new())
    await desk.finish()
    clock.now = START + (TALLIES_KEPT_MINUTES - spares) * MINUTE_MS
    assert len(await tallies(desk, minutes=10**9)) == spares
    await desk.recover()
    clock.now = START
    assert len(await tallies(desk)) == spares


async def test_recover_forgets_some_at_a_time_the_oldest_first(desk: Desk, clock: FrozenClock, engine: str) -> None:
    if engine == "redis":
        pytest.skip("on Redis they go by themselves, in real time")
    clock.now = START
    minutes = TALLIES_FORGOTTEN_MAX + 2
    await desk.add(*(new() for _ in range(minutes)))
    for lease in await desk.claim(limit=minutes):
        await desk.settle(done(lease))
        clock.advance(MINUTE_MS)
    for left in (2, 0):
        clock.now = START + 2 * (minutes + TALLIES_KEPT_MINUTES) * MINUTE_MS
        await desk.recover()
        clock.now = START + (minutes - 1) * MINUTE_MS
        assert [at for at, *_ in await outcomes(desk, TALLIES_KEPT_MINUTES)] == [minutes - 2, minutes - 1][2 - left :]


async def test_a_clock_that_is_set_back_counts_on_where_it_was(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    await desk.add(*(new() for _ in range(3)))
    for step in (MINUTE_MS, -MINUTE_MS, 0):
        await desk.finish()
        clock.advance(step)
    clock.advance(MINUTE_MS)
    assert [(at, done) for at, _, done, _ in await outcomes(desk)] == [(0, 2), (1, 1)]


async def test_an_answer_has_all_buckets(desk: Desk, clock: FrozenClock) -> None:
    reply = await desk.run(Tally("q"))
    assert reply == Tallied((), reply.until, clock.now)
    await desk.add(new())
    await desk.finish()
    (tally,) = await tallies(desk)
    assert (len(tally.waits), len(tally.runs)) == (BUCKETS, BUCKETS)


async def test_without_a_queue_it_is_what_finished_in_all_of_them(desk: Desk, clock: FrozenClock) -> None:
    clock.now = START
    assert (await desk.run(Tally(None))).tallies == ()
    await desk.add(new("a", queue="r"), new("b", queue="q"), new("a", queue="q"), new("c", queue="idle"))
    await desk.finish("q")
    await desk.finish("r")
    clock.advance(MINUTE_MS)
    await desk.finish("q")
    found = await desk.run(Tally(None, 2))
    assert [((one.at - START) // MINUTE_MS, one.queue, one.name) for one in found.tallies] == [
        (0, "q", "b"),
        (1, "q", "a"),
        (0, "r", "a"),
    ]
    assert list(found.tallies) == [one for queue in ("idle", "q", "r") for one in await tallies(desk, queue)]
    assert (found.until, found.now) == (START + 2 * MINUTE_MS, clock.now)
    assert [one.name for one in (await desk.run(Tally(None, 1))).tallies] == ["a"]
