import asyncio

import pytest

from headrace.core.commands import Acquire, Claim, Configure, Count, Remove
from headrace.core.errors import StorageFull, Unavailable
from headrace.core.jobs import JobRef, Keep
from headrace.engine.hooks import Hooks
from headrace.engine.janitor import Janitor
from headrace.engine.leader import Leader
from headrace.storage.protocol import Storage, granted
from headrace.testing.faults import Faults, FaultyStore
from headrace.worker import Worker
from tests.engine.simulation import simulated
from tests.engine.workshop import Watched, add, get, memory, registry, run_until_idle


async def noop() -> None:
    pass


async def orphan(store: Storage, lease_ms: int) -> JobRef:
    """A job whose worker is gone."""
    (ref,) = await add(store, "noop", max_stalled=9)
    await store.run(Claim(registry(noop).sources(["q"]), 1, f"dead:{ref.id}", lease_ms, "dead"))
    return ref


async def ignore(refs: tuple[JobRef, ...]) -> None:
    pass


def janitor(store: Storage, owner: str = "me", lease_ms: int = 10_000) -> Janitor:
    return Janitor(store, owner, lease_ms, keep={}, stalled=ignore, expired=ignore)


@simulated
async def test_one_is_elected_and_another_follows_when_it_resigns_or_falls_silent() -> None:
    store = await memory()
    first, second = (Leader(store, "test", owner, 10_000) for owner in ("first", "second"))
    assert await first.lead()
    assert not await second.lead()
    assert await first.lead()
    await first.resign()
    assert await second.lead()
    await asyncio.sleep(11)
    assert await first.lead()


@simulated
async def test_resigning_without_office_takes_it_from_nobody() -> None:
    store = await memory()
    first, second = (Leader(store, "test", owner, 10_000) for owner in ("first", "second"))
    assert await first.lead()
    await second.resign()
    assert not await second.lead()


@simulated
async def test_an_orphan_is_given_back_within_a_second_after_its_lease() -> None:
    store = await memory()
    ref = await orphan(store, 10_000)
    mine = janitor(store)
    mine.start()
    await asyncio.sleep(9.9)
    assert (await get(store, ref)).state == "active"
    await asyncio.sleep(1.2)
    job = await get(store, ref)
    assert (job.state, job.stalls) == ("waiting", 1)
    await mine.stop()


@simulated
async def test_only_the_elected_one_recovers_and_a_new_one_is_there_before_leases_end() -> None:
    store = await memory()
    first_store, second_store = Watched(store), Watched(store)
    first, second = janitor(first_store, "first"), janitor(second_store, "second")
    first.start()
    await asyncio.sleep(0.1)
    second.start()
    await asyncio.sleep(10)
    assert "Recover" not in {type(command).__name__ for call in second_store.calls for command in call}
    first_store.is_away = True  # it is gone, without a word
    ref = await orphan(store, 10_000)
    await asyncio.sleep(11.2)
    assert (await get(store, ref)).state == "waiting"
    await first.stop()
    await second.stop()


@simulated
async def test_after_an_outage_it_recovers_nothing_until_it_was_connected_for_one_lease() -> None:
    store = Watched(await memory())
    mine = janitor(store)
    mine.start()
    await asyncio.sleep(1)
    ref = await orphan(store.inner, 5_000)
    store.is_away = True
    await asyncio.sleep(60)
    store.is_away = False
    await asyncio.sleep(9.5)
    assert (await get(store.inner, ref)).state == "active"
    await asyncio.sleep(5)
    assert (await get(store.inner, ref)).state == "waiting"
    await mine.stop()


@simulated
async def test_after_a_time_without_room_it_is_as_careful() -> None:
    """Leases could not be renewed either: whoever lives does so first."""
    store, faults = await memory(), Faults()
    mine = janitor(FaultyStore(store, faults))
    mine.start()
    await asyncio.sleep(1)
    ref = await orphan(store, 5_000)
    faults.refuse(Acquire, refusal=StorageFull(problem="a test says so"), times=None)
    await asyncio.sleep(60)
    faults.heal()
    await asyncio.sleep(9.5)
    assert (await get(store, ref)).state == "active"
    await asyncio.sleep(5)
    assert (await get(store, ref)).state == "waiting"
    await mine.stop()


@simulated
async def test_more_than_a_page_is_recovered_in_one_round() -> None:
    store = await memory()
    await add(store, *["noop"] * 1_200)
    for _ in range(2):
        await store.run(Claim(registry(noop).sources(["q"]), 600, f"dead:{_}", 1_000, "dead"))
    heard: list[JobRef] = []

    async def hear(refs: tuple[JobRef, ...]) -> None:
        heard.extend(refs)

    mine = Janitor(store, "me", 10_000, keep={}, stalled=hear, expired=ignore)
    await asyncio.sleep(2)
    await mine.beat()
    assert len(set(heard)) == 1_200


@simulated
async def test_it_says_that_the_store_is_away() -> None:
    store = Watched(await memory())
    store.is_away = True
    mine = Janitor(store, "me", 10_000, keep={"completed": Keep(count=1)}, stalled=ignore, expired=ignore)
    with pytest.raises(Unavailable):
        await mine.beat()
    await mine.stop()


@simulated
async def test_what_nobody_started_in_time_fails_within_a_second_page_by_page_and_is_told() -> None:
    store = await memory()
    refs = await add(store, *["noop"] * 1_200, expires_ms=10_000)
    heard: list[JobRef] = []

    async def hear(refs: tuple[JobRef, ...]) -> None:
        heard.extend(refs)

    mine = Janitor(store, "me", 10_000, keep={}, stalled=ignore, expired=hear)
    mine.start()
    await asyncio.sleep(9.9)
    assert heard == []
    await asyncio.sleep(1.2)
    assert set(heard) == set(refs)
    assert {(await get(store, ref)).state for ref in refs} == {"failed"}
    await mine.stop()


@simulated
async def test_the_hooks_for_failed_jobs_hear_of_expired_ones() -> None:
    store = await memory()
    told: list[tuple[str, str]] = []
    hooks = Hooks(
        failed=(lambda lease, failure: told.append((f"{lease.queue}/{lease.id} {lease.name}", failure.cause)),)
    )
    await add(store, "unknown", queue="elsewhere", expires_ms=500)
    await add(store, "unkept", queue="elsewhere", expires_ms=500, keep_failed=Keep(0))
    async with Worker(store, registry(noop), hooks=hooks):
        await asyncio.sleep(2)
    assert told == [("elsewhere/1 unknown", "expired")]


@simulated
async def test_a_worker_does_not_run_what_is_late() -> None:
    store = await memory()
    ran: list[int] = []

    async def run() -> None:
        ran.append(1)

    late, soon = await add(store, "run", expires_ms=1_000), await add(store, "run", expires_ms=9_000)
    await asyncio.sleep(1)
    await run_until_idle(store, registry(run))
    assert ran == [1]
    assert [(await get(store, ref)).state for ref in (*late, *soon)] == ["failed", "completed"]


@simulated
async def test_a_queue_keeps_what_it_was_told_to_and_the_others_what_the_settings_say() -> None:
    store = await memory()
    for queue in ("ours", "theirs", "all"):
        await add(store, *["noop"] * 4, queue=queue)
        await run_until_idle(store, registry(noop, queue=queue))
        await add(store, "noop", "noop", queue=queue)
    await store.run(Configure("ours", keep_completed=Keep(1)))
    await store.run(Configure("all", keep_completed=Keep()))
    mine = Janitor(store, "me", 10_000, keep={"completed": Keep(3)}, stalled=ignore, expired=ignore)
    await mine.beat()
    counts = granted(await store.run(Count(("ours", "theirs", "all")))).queues
    assert [found["completed"] for found in counts.values()] == [1, 3, 4]
    assert [found["waiting"] for found in counts.values()] == [2, 2, 2]
    await mine.stop()


@simulated
async def test_the_pruner_takes_pages_and_leaves_what_has_not_finished_or_keeps_itself() -> None:
    store = Watched(await memory())
    await add(store, *["noop"] * 1_200)
    await add(store, "noop", "noop", keep_completed=Keep())
    await run_until_idle(store, registry(noop))
    await add(store, "noop", "noop", "noop")
    await add(store, "noop", delay_ms=60_000)
    await store.run(Claim(registry(noop).sources(["q"]), 1, "t", 60_000, "w"))
    await store.run(Configure("q", keep_completed=Keep(age_ms=1_000)))
    await asyncio.sleep(2)
    store.calls.clear()
    mine = Janitor(store, "me", 10_000, keep={}, stalled=ignore, expired=ignore)
    await mine.beat()
    removes = [command for call in store.calls for command in call if isinstance(command, Remove)]
    assert [remove.limit <= 500 for remove in removes] == [True] * 3
    counts = granted(await store.run(Count(("q",)))).queues["q"]
    assert {state: count for state, count in counts.items() if count} == {
        "waiting": 2,
        "delayed": 1,
        "active": 1,
        "completed": 2,
    }
    await mine.stop()
