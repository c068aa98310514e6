import asyncio
from typing import Any

import pytest

from headrace.core.commands import Acquire, Claim, Configure, Move, Renew, Settle
from headrace.core.errors import StorageFull, Unavailable
from headrace.core.jobs import Failure
from headrace.core.limits import Rate
from headrace.core.outcomes import Later, RateLimited
from headrace.engine.outbox import TRIES_MAX
from headrace.engine.pump import HELD_MAX
from headrace.storage.protocol import granted
from headrace.testing.faults import Faults, FaultyStore
from headrace.worker import Worker
from tests.engine.simulation import now, simulated
from tests.engine.workshop import Watched, add, get, memory, registry, run_until_idle


async def noop() -> None:
    pass


@simulated
async def test_every_job_runs_once_and_its_outcome_is_recorded() -> None:
    store, ran = await memory(), []

    async def note(x: str) -> str:
        ran.append(x)
        return x * 2

    refs = await add(store, *(f"note?x={number}" for number in range(50)))
    worker = await run_until_idle(store, registry(note), concurrency=7)
    assert ran == [str(number) for number in range(50)]
    assert [(await get(store, ref)).result for ref in refs] == [f'"{2 * str(number)}"' for number in range(50)]
    assert (worker.processed, worker.running) == (50, 0)


@simulated
async def test_what_ends_together_travels_together_and_the_next_claim_right_behind() -> None:
    store = Watched(await memory())
    await add(store, *["noop"] * 250)
    await run_until_idle(store, registry(noop), concurrency=100)
    commands = [command for turn in store.turns for command in turn]
    sizes = [("settle", len(c.settlements)) if isinstance(c, Settle) else ("claim", c.limit) for c in commands]
    assert sizes[:5] == [("claim", 100), ("settle", 100), ("claim", 100), ("settle", 100), ("claim", 100)]
    assert [size for kind, size in sizes if kind == "settle"] == [100, 100, 50]
    assert len(sizes) <= 9


@simulated
async def test_nothing_is_claimed_beyond_the_free_slots() -> None:
    store, at_once, most = Watched(await memory()), 0, 0

    async def wait() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(1)
        at_once -= 1

    async def count(commands: tuple[Any, ...]) -> None:
        for command in commands:
            if isinstance(command, Claim):
                assert command.limit <= 3

    store.after = count
    await add(store, *["wait"] * 20)
    await run_until_idle(store, registry(wait), concurrency=3)
    assert most == 3


@pytest.mark.parametrize("concurrency", [1, 4, 5])
@simulated
async def test_where_turns_overlap_the_claims_on_their_way_share_the_slots(concurrency: int) -> None:
    store, on_way, most, running, busiest = Watched(await memory()), 0, 0, 0, 0
    store.turns_at_once = 2  # type: ignore[attr-defined]

    async def work() -> None:
        nonlocal running, busiest
        running += 1
        busiest = max(busiest, running)
        await asyncio.sleep(1)
        running -= 1

    async def leave(commands: tuple[Any, ...]) -> None:
        nonlocal on_way, most
        for claim in commands:
            if isinstance(claim, Claim):
                assert claim.limit <= -(-concurrency // 2)
                on_way += claim.limit
                most = max(most, on_way + running)
        await asyncio.sleep(0.3)

    async def come(commands: tuple[Any, ...]) -> None:
        nonlocal on_way
        on_way -= sum(claim.limit for claim in commands if isinstance(claim, Claim))

    store.before, store.after = leave, come
    refs = await add(store, *["work"] * 20)
    await run_until_idle(store, registry(work), concurrency=concurrency)
    assert [(await get(store, ref)).state for ref in refs] == ["completed"] * 20
    assert (most, busiest) == (concurrency, concurrency)


@simulated
async def test_a_cancel_is_heard_though_it_comes_before_the_claim_is_answered() -> None:
    store = Watched(await memory())
    (ref,) = await add(store, "sleep")

    async def sleep() -> None:
        await asyncio.sleep(3_600)

    async def cancel(commands: tuple[Any, ...]) -> None:
        if any(isinstance(command, Claim) for command in commands) and (await get(store.inner, ref)).state == "active":
            store.after = None
            await store.inner.run(Move((ref,), "cancel"))
            await asyncio.sleep(0.5)  # the worker has heard that something was asked, and holds nothing yet

    store.after = cancel
    async with Worker(store, registry(sleep), lease_ms=300_000):
        async with asyncio.timeout(5):
            while (await get(store.inner, ref)).state != "failed":
                await asyncio.sleep(0.1)


@simulated
async def test_a_rate_holds_for_claims_that_are_on_their_way_together() -> None:
    store, starts = Watched(await memory()), []
    store.turns_at_once = 2  # type: ignore[attr-defined]

    async def note() -> None:
        starts.append(now())

    await add(store, *["note"] * 9)
    await run_until_idle(store, registry(note), concurrency=8, rate=Rate(3, 1_000))
    assert all(later - earlier >= 1 for earlier, later in zip(starts, starts[3:], strict=False))


@pytest.mark.parametrize("idle", ["", "uvwxyz"])
@simulated
async def test_concurrency_is_the_total_over_all_queues_and_no_queue_starves(idle: str) -> None:
    store, ran = await memory(), []
    made = registry()
    for queue in idle + "abc":

        async def note(queue: str = queue) -> None:
            ran.append(queue)
            await asyncio.sleep(1)

        for handler in registry(note, queue=queue)._named.values():
            made.add(handler)
        await add(store, *["note"] * (0 if queue in idle else 20), queue=queue)
    await run_until_idle(store, made, concurrency=2)
    assert len(ran) == 60
    assert {ran[:12].count(queue) for queue in "abc"} == {4}


@simulated
async def test_short_jobs_do_not_wait_for_long_ones() -> None:
    store = await memory()
    ends: list[float] = []
    start = now()

    async def long() -> None:
        await asyncio.sleep(100)

    async def short() -> None:
        await asyncio.sleep(0.5)
        ends.append(now() - start)

    await add(store, "long", *["short"] * 10)
    await run_until_idle(store, registry(long, short), concurrency=2)
    assert ends[-1] == pytest.approx(5.0, abs=0.1)


@simulated
async def test_an_idle_worker_takes_a_new_job_at_once() -> None:
    store, started = await memory(), []

    async def note() -> None:
        started.append(now())

    async with Worker(store, registry(note)):
        for _ in range(3):
            await asyncio.sleep(1.234)
            added_at = now()
            await add(store, "note")
            await asyncio.sleep(0.01)
            assert started.pop() == pytest.approx(added_at, abs=0.001)


@simulated
async def test_what_arrives_while_a_claim_is_on_its_way_is_not_overlooked() -> None:
    store, started = Watched(await memory()), asyncio.Event()
    inserted: list[float] = []

    async def note() -> None:
        started.set()

    async def after(commands: tuple[Any, ...]) -> None:
        # A claim that the poll interval brought has looked, and its reply is not here yet. Now a job arrives, and the
        # wait that runs beside the claim hears of it.
        if isinstance(commands[-1], Claim) and now() > start + 10 and not inserted:
            inserted.append(now())
            await add(store.inner, "note")
            await asyncio.sleep(0.1)

    start = now()
    store.after = after
    async with Worker(store, registry(note), poll_ms=60_000):
        await started.wait()
        assert now() == pytest.approx(inserted[0], abs=0.2)


@simulated
async def test_a_delayed_job_starts_when_it_is_due_and_not_before() -> None:
    store, start, done = await memory(), now(), asyncio.Event()

    async def note() -> None:
        done.set()

    async with Worker(store, registry(note), poll_ms=5_000):
        await asyncio.sleep(0.5)
        await add(store, "note", delay_ms=12_340)
        await done.wait()
        assert now() - start == pytest.approx(12.84, abs=0.002)


@simulated
async def test_a_store_whose_news_do_not_come_is_asked_every_poll_interval() -> None:
    store, start, done = Watched(await memory()), now(), asyncio.Event()

    async def note() -> None:
        done.set()

    async def silence(topics: object, timeout_ms: int) -> frozenset[str]:
        await asyncio.sleep(timeout_ms / 1000)
        return frozenset()

    store.wait = silence  # type: ignore[method-assign]
    async with Worker(store, registry(note), poll_ms=5_000):
        await asyncio.sleep(7)
        await add(store, "note")
        await done.wait()
        assert now() - start < 12


@simulated
async def test_a_paused_queue_gives_nothing_until_it_goes_on() -> None:
    store, done = await memory(), asyncio.Event()

    async def note() -> None:
        done.set()

    await store.run(Configure("q", is_paused=True))
    await add(store, "note")
    async with Worker(store, registry(note), poll_ms=60_000):
        await asyncio.sleep(100)
        assert not done.is_set()
        await store.run(Configure("q", is_paused=False))
        await asyncio.wait_for(done.wait(), 1)


@simulated
async def test_a_rate_limited_queue_rests_and_goes_on_by_itself() -> None:
    store, times = await memory(), []
    start = now()

    async def limited() -> None:
        times.append(now() - start)
        if len(times) == 1:
            raise RateLimited(7)

    (ref,) = await add(store, "limited")
    async with Worker(store, registry(limited), poll_ms=60_000):
        await asyncio.sleep(10)
    assert times == [pytest.approx(0, abs=0.01), pytest.approx(7, abs=0.01)]
    assert (await get(store, ref)).attempts_made == 1


@simulated
async def test_a_job_that_comes_later_does_not_use_up_attempts() -> None:
    store, count = await memory(), 0

    async def poll() -> None:
        nonlocal count
        count += 1
        if count < 4:
            raise Later(2)

    (ref,) = await add(store, "poll", attempts=1)
    async with Worker(store, registry(poll)):
        await asyncio.sleep(10)
    job = await get(store, ref)
    assert (count, job.state, job.attempts_made, job.attempts_started) == (4, "completed", 1, 4)


@simulated
async def test_an_outcome_stays_in_hand_while_the_store_is_away_and_keeps_its_slot() -> None:
    store, ran = Watched(await memory()), []

    async def slow(x: str) -> None:
        ran.append(x)
        await asyncio.sleep(1)

    refs = await add(store, "slow?x=1", "slow?x=2", "slow?x=3")
    async with Worker(store, registry(slow), concurrency=2) as worker:
        await asyncio.sleep(0.5)
        store.is_away = True
        await asyncio.sleep(60)
        assert (ran, worker.running) == (["1", "2"], 2)
        store.is_away = False
        await asyncio.sleep(10)
    assert ran == ["1", "2", "3"]
    assert [(await get(store, ref)).state for ref in refs] == ["completed"] * 3
    assert [(await get(store, ref)).attempts_started for ref in refs] == [1] * 3


@simulated
async def test_an_outcome_stays_in_hand_while_the_store_has_no_room() -> None:
    store, faults = await memory(), Faults()
    (ref,) = await add(store, "noop")
    faults.refuse(Acquire, Renew, Settle, refusal=StorageFull(problem="a test says so"), times=None)
    async with Worker(FaultyStore(store, faults), registry(noop), lease_ms=5_000):
        await asyncio.sleep(60)
        assert faults.bites > 2 * TRIES_MAX
        assert (await get(store, ref)).state == "active"
        faults.heal()
        await asyncio.sleep(5)
        job = await get(store, ref)
        assert (job.state, job.attempts_started, job.stalls) == ("completed", 1, 0)


@simulated
async def test_an_outcome_whose_acknowledgement_was_lost_is_recorded_once() -> None:
    store, ran = Watched(await memory()), []

    async def note() -> None:
        ran.append(now())

    async def lose(commands: tuple[Any, ...]) -> None:
        if isinstance(commands[0], Settle):
            store.is_away = True
            store.after = None
            asyncio.get_running_loop().call_later(1, setattr, store, "is_away", False)

    store.after = lose
    (ref,) = await add(store, "note")
    async with Worker(store, registry(note)) as worker:
        await asyncio.sleep(5)
        assert worker.running == 0
    job = await get(store, ref)
    assert (len(ran), job.state, job.attempts_made) == (1, "completed", 1)


@simulated
async def test_an_outcome_that_breaks_the_store_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    store, tries = Watched(await memory()), 0

    async def choke(commands: tuple[Any, ...]) -> None:
        nonlocal tries
        for command in commands:
            if isinstance(command, Settle) and any(settlement.id == "3" for settlement in command.settlements):
                tries += 1
                raise TypeError("choked")

    store.before = choke
    refs = await add(store, *["noop"] * 6)
    async with Worker(store, registry(noop)) as worker:
        await asyncio.sleep(20)
        assert worker.running == 0
    states = [(await get(store, ref)).state for ref in refs]
    assert states == ["completed", "completed", "active", "completed", "completed", "completed"]
    assert tries <= 2 * TRIES_MAX
    assert "cannot be recorded" in caplog.text


@simulated
async def test_a_store_that_breaks_at_a_claim_is_asked_again() -> None:
    store, faults = Watched(await memory()), 5

    async def choke(commands: tuple[Any, ...]) -> None:
        nonlocal faults
        if isinstance(commands[-1], Claim) and faults:
            faults -= 1
            raise RuntimeError("too many results to unpack")

    store.before = choke
    (ref,) = await add(store, "noop")
    async with Worker(store, registry(noop)):
        await asyncio.sleep(20)
    assert (await get(store, ref)).state == "completed"


@simulated
async def test_a_lost_lease_stops_the_handler_and_nothing_is_recorded() -> None:
    store, stopped = Watched(await memory()), asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.set()

    async def no_renewal(commands: tuple[Any, ...]) -> None:
        if isinstance(commands[0], Renew):
            raise Unavailable(problem="a test says so")

    store.before = no_renewal
    (ref,) = await add(store, "slow", max_stalled=5)
    made = registry(slow)
    async with Worker(store, made, concurrency=1, lease_ms=3_000) as worker:
        await asyncio.sleep(5)
        reply = await store.inner.run(Claim(made.sources(["q"]), 1, "rival:1", 60_000, "rival"))
        (lease,) = granted(reply).leases
        assert (lease.stalls, lease.attempts_started) == (1, 2)
        store.before = None
        await asyncio.wait_for(stopped.wait(), 5)
        await asyncio.sleep(0)
        assert (worker.running, worker.processed) == (0, 0)
    job = await get(store, ref)
    assert (job.state, job.worker, job.attempts_made) == ("active", "rival", 0)


@simulated
async def test_a_job_that_is_cancelled_elsewhere_stops_soon() -> None:
    store, stopped = await memory(), asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            stopped.set()

    (ref,) = await add(store, "slow", attempts=3)
    async with Worker(store, registry(slow)):
        await asyncio.sleep(0.5)
        await store.run(Move((ref,), "cancel", failure=Failure("not wanted", "cancelled")))
        await asyncio.wait_for(stopped.wait(), 0.2)
    job = await get(store, ref)
    assert job.state == "failed"
    assert job.failure is not None
    assert (job.failure.cause, job.attempts_made) == ("cancelled", 1)


@simulated
async def test_a_deferred_failure_is_recorded_without_a_run() -> None:
    store, ran = await memory(), []

    async def crash() -> None:
        ran.append(1)

    (ref,) = await add(store, "crash", max_stalled=0)
    reply = await store.run(Claim(registry(crash).sources(["q"]), 1, "dead:1", 100, "dead"))
    assert granted(reply).leases
    async with Worker(store, registry(crash), lease_ms=1_000):
        await asyncio.sleep(5)
    job = await get(store, ref)
    assert job.failure is not None
    assert (ran, job.state, job.failure.cause) == ([], "failed", "stalled")


@simulated
async def test_jobs_begin_while_outcomes_are_on_their_way_up_to_a_bound() -> None:
    store, ran = Watched(await memory()), 0
    is_open = asyncio.Event()

    async def count() -> None:
        nonlocal ran
        ran += 1

    async def hold_settles(commands: tuple[Any, ...]) -> None:
        if isinstance(commands[0], Settle):
            await is_open.wait()

    store.before = hold_settles
    await add(store.inner, *["count"] * 100)
    async with Worker(store, registry(count), concurrency=5) as worker:
        await asyncio.sleep(1)
        assert (ran, worker.running, worker.processed) == (5 * HELD_MAX, 5 * HELD_MAX, 0)
        is_open.set()
        await worker.run_until_idle()
        assert (ran, worker.running, worker.processed) == (100, 0, 100)
