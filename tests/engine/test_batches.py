"""The waiting of batches, in simulated time."""

import asyncio

from headrace.executors.batch import Batched, BatchExecutor
from headrace.executors.inline import InlineExecutor
from headrace.executors.threads import ThreadExecutor
from tests.engine.simulation import now, simulated


def gathers(batches: list[tuple[float, list[int]]], size: int, wait_s: float) -> tuple[BatchExecutor, Batched]:
    async def note(items: list[int]) -> list[int]:
        batches.append((round(now() - 1_000_000, 3), items))
        return items

    return BatchExecutor(100, InlineExecutor(), ThreadExecutor(1)), Batched(note, size, wait_s)


async def join(executor: BatchExecutor, function: Batched, item: int, after_s: float) -> int:
    await asyncio.sleep(after_s)
    result: int = await executor.run(function, (), {"item": item})
    return result


@simulated
async def test_the_first_waits_so_long_for_others_and_no_longer() -> None:
    batches: list[tuple[float, list[int]]] = []
    executor, function = gathers(batches, 10, 2.0)
    times = [0.0, 1.0, 1.9, 2.5, 4.0]
    assert await asyncio.gather(*(join(executor, function, item, at) for item, at in enumerate(times))) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert batches == [(2.0, [0, 1, 2]), (4.5, [3, 4])]


@simulated
async def test_a_full_batch_begins_at_once() -> None:
    batches: list[tuple[float, list[int]]] = []
    executor, function = gathers(batches, 2, 60.0)
    await asyncio.gather(*(join(executor, function, item, item) for item in range(4)))
    assert batches == [(1.0, [0, 1]), (3.0, [2, 3])]


@simulated
async def test_who_leaves_while_it_waits_is_not_in_the_batch_and_takes_nobody_along() -> None:
    batches: list[tuple[float, list[int]]] = []
    executor, function = gathers(batches, 10, 2.0)
    tasks = [asyncio.ensure_future(join(executor, function, item, 0)) for item in range(2)]
    await asyncio.sleep(1)
    tasks[0].cancel()
    assert await tasks[1] == 1
    assert batches == [(2.0, [1])]


@simulated
async def test_nothing_begins_when_everybody_has_left() -> None:
    batches: list[tuple[float, list[int]]] = []
    executor, function = gathers(batches, 10, 2.0)
    task = asyncio.ensure_future(join(executor, function, 0, 0))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(5)
    assert batches == []
    assert await join(executor, function, 7, 0) == 7


@simulated
async def test_whatever_the_function_raises_ends_the_call_and_not_the_loop() -> None:
    async def leave(items: list[int]) -> list[int]:
        raise SystemExit(3)

    executor, function = BatchExecutor(100, InlineExecutor(), ThreadExecutor(1)), Batched(leave, 1, 1.0)
    caught: list[BaseException] = []
    try:
        await executor.run(function, (1,), {})
    except SystemExit as error:
        caught.append(error)
    assert [str(error) for error in caught] == ["3"]
