import asyncio

import pytest

from headrace.core.commands import Claim
from headrace.core.errors import Unavailable
from headrace.core.jobs import JobRef, Keep
from headrace.engine.janitor import Janitor
from headrace.engine.leader import Leader
from headrace.storage.protocol import Storage
from tests.engine.simulation import simulated
from tests.engine.workshop import Watched, add, get, memory, registry


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
    return Janitor(store, owner, lease_ms, keep={}, stalled=ignore)


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
async def test_more_than_a_page_is_recovered_in_one_round() -> None:
    store = await memory()
    await add(store, *["noop"] * 1_200)
    for _ in range(2):
        await store.run(Claim(registry(noop).sources(["q"]), 600, f"dead:{_}", 1_000, "dead"))
    heard: list[JobRef] = []

    async def hear(refs: tuple[JobRef, ...]) -> None:
        heard.extend(refs)

    mine = Janitor(store, "me", 10_000, keep={}, stalled=hear)
    await asyncio.sleep(2)
    await mine.beat()
    assert len(set(heard)) == 1_200


@simulated
async def test_it_says_that_the_store_is_away() -> None:
    store = Watched(await memory())
    store.is_away = True
    mine = Janitor(store, "me", 10_000, keep={"completed": Keep(count=1)}, stalled=ignore)
    with pytest.raises(Unavailable):
        await mine.beat()
    await mine.stop()
