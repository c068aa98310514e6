"""The pump on a store that takes outcomes and the next claim as one step."""

import asyncio
from typing import Any

import pytest

from headrace.core.commands import Claim, Claimed, Settle
from headrace.core.errors import StorageFull, Unavailable
from headrace.engine.bell import Bell
from headrace.worker import Worker
from tests.engine.simulation import simulated
from tests.engine.workshop import Watched, add, get, memory, registry, run_until_idle


async def noop() -> None:
    pass


async def turned() -> Watched:
    store = Watched(await memory())
    store.turns_at_once = 2  # type: ignore[attr-defined]
    return store


@pytest.mark.parametrize("concurrency", [1, 2, 5, 100])
@simulated
async def test_outcomes_leave_with_the_next_claim(concurrency: int) -> None:
    store = await turned()
    await add(store, *["noop"] * 250)
    worker = await run_until_idle(store, registry(noop), concurrency=concurrency)
    kinds = [tuple(type(command) for command in call) for call in store.turns]
    assert worker.processed == 250
    assert (Settle, Claim) in kinds
    alone = [kind for kind in kinds if kind == (Settle,)]
    assert len(alone) <= 2  # the last, with which nothing is claimed


@simulated
async def test_outcomes_are_recorded_though_nothing_is_claimed_any_more() -> None:
    store = await turned()
    is_let_go = asyncio.Event()

    async def wait() -> None:
        await is_let_go.wait()

    refs = await add(store, *["wait"] * 4)
    async with Worker(store, registry(wait), concurrency=4) as worker:
        await asyncio.sleep(1)
        worker._pump.pause(is_paused=True)
        is_let_go.set()
        await asyncio.sleep(1)
        assert (worker.processed, worker.running) == (4, 0)
    assert [(await get(store, ref)).state for ref in refs] == ["completed"] * 4


@simulated
async def test_a_claim_after_news_goes_alone() -> None:
    store = await turned()
    await add(store, *["noop"] * 100)
    worker = Worker(store, registry(noop), concurrency=2)

    async def hear(commands: tuple[Any, ...]) -> None:
        if len(store.turns) in (10, 20):
            worker._pump._thirst.news += 1  # as if somebody had told that a queue has something

    store.before = hear
    await worker.run_until_idle()
    assert worker.processed == 100
    claims = [call for call in store.turns[10:] if isinstance(call[-1], Claim)]
    assert [len(call) for call in claims[:16]].count(1) == 2


@simulated
async def test_outcomes_of_a_turn_that_came_to_nothing_stay_in_hand() -> None:
    store, faults = await turned(), 5

    async def break_down(commands: tuple[Any, ...]) -> None:
        nonlocal faults
        if len(commands) == 2 and faults:
            faults -= 1
            raise Unavailable(problem="a test says so")

    store.before = break_down
    refs = await add(store, *["noop"] * 20)
    async with Worker(store, registry(noop), concurrency=2) as worker:
        await asyncio.sleep(60)
        assert (worker.processed, worker.running, faults) == (20, 0, 0)
    assert [(await get(store, ref)).attempts_started for ref in refs] == [1] * 20


@simulated
async def test_what_was_claimed_begins_though_the_outcomes_beside_it_are_refused() -> None:
    store, faults = await turned(), 3
    run = store.inner.run

    async def refuse(*commands: Any) -> Any:
        nonlocal faults
        if len(commands) == 2 and faults:
            faults -= 1
            claimed = await run(commands[1])
            assert isinstance(claimed, Claimed)
            return StorageFull(problem="a test says so"), claimed
        return await run(*commands)

    store.inner.run = refuse  # type: ignore[assignment, method-assign]
    refs = await add(store, *["noop"] * 20)
    async with Worker(store, registry(noop), concurrency=2) as worker:
        await asyncio.sleep(60)
        assert (worker.processed, worker.running, faults) == (20, 0, 0)
    assert [(await get(store, ref)).attempts_started for ref in refs] == [1] * 20


@pytest.mark.parametrize("turns", [0, 2])
@pytest.mark.parametrize("concurrency", [1, 3])
@simulated
async def test_an_outcome_that_breaks_the_store_lets_claims_and_other_outcomes_pass(
    concurrency: int, turns: int
) -> None:
    store = await turned()
    store.turns_at_once = turns  # type: ignore[attr-defined]

    async def choke(commands: tuple[Any, ...]) -> None:
        for command in commands:
            if isinstance(command, Settle) and any(settlement.id == "3" for settlement in command.settlements):
                raise TypeError("choked")

    store.before = choke
    refs = await add(store, *["noop"] * 20)
    async with Worker(store, registry(noop), concurrency=concurrency) as worker:
        await asyncio.sleep(60)
        assert (worker.processed, worker.running) == (19, 0)
    states = [(await get(store, ref)).state for ref in refs]
    assert states == ["completed"] * 2 + ["active"] + ["completed"] * 17


@simulated
async def test_who_lingers_hears_of_what_is_done_in_the_same_turn() -> None:
    bell, turns = Bell(lingers=True), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    asyncio.get_running_loop().call_soon(bell.ring)
    await bell.rest()
    assert turns == 1
    counting.cancel()


@simulated
async def test_a_rest_that_is_cancelled_keeps_no_ring_from_others() -> None:
    bell = Bell(lingers=True)
    first = asyncio.create_task(bell.rest())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(bell.rest())
    await asyncio.sleep(1)
    bell.ring()
    await asyncio.wait_for(second, 1)
