import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from headrace.executors.inline import InlineExecutor
from headrace.executors.threads import ThreadExecutor

colour: ContextVar[str] = ContextVar("test-colour", default="none")


async def test_inline_awaits_what_can_be_awaited_and_takes_plain_values() -> None:
    async def double(x: int) -> int:
        return 2 * x

    executor = InlineExecutor()
    assert await executor.run(double, (2,), {}) == 4
    assert await executor.run(lambda x: 3 * x, (), {"x": 2}) == 6


async def test_a_thread_has_the_context_of_its_caller() -> None:
    executor = ThreadExecutor(1)
    colour.set("red")
    assert await executor.run(colour.get, (), {}) == "red"
    executor.close()


async def test_threads_are_used_again_and_never_more_than_the_size() -> None:
    executor, names = ThreadExecutor(3), set[str]()

    def note(x: int) -> int:
        names.add(threading.current_thread().name)
        return x

    for number in range(5):
        assert await executor.run(note, (number,), {}) == number
    assert len(names) == 1
    assert await asyncio.gather(*(executor.run(note, (number,), {}) for number in range(50))) == list(range(50))
    assert len(names) <= 3
    executor.close()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), StopIteration(1)])
async def test_whatever_a_thread_raises_reaches_the_caller(error: BaseException) -> None:
    executor = ThreadExecutor(1)

    def fail() -> None:
        raise error

    expected = RuntimeError if isinstance(error, StopIteration) else type(error)
    caught: list[BaseException] = []

    async def call() -> None:
        try:
            await executor.run(fail, (), {})
        except BaseException as reached:
            caught.append(reached)

    await call()
    assert type(caught[0]) is expected
    assert await executor.run(int, ("7",), {}) == 7
    executor.close()


async def test_a_call_that_was_given_up_is_a_stray_until_it_returns_and_does_not_take_a_place() -> None:
    executor, started, go = ThreadExecutor(1), threading.Event(), threading.Event()

    def stuck() -> None:
        started.set()
        assert go.wait(10)

    task = asyncio.ensure_future(_result(executor.run(stuck, (), {})))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert executor.strays == 1
    assert await executor.run(int, ("7",), {}) == 7
    go.set()
    while executor.strays:
        await asyncio.sleep(0)
    executor.close()


async def test_a_call_that_was_given_up_before_it_began_is_not_made() -> None:
    executor, go, ran = ThreadExecutor(1), threading.Event(), list[int]()
    first = asyncio.ensure_future(_result(executor.run(go.wait, (10,), {})))
    second = asyncio.ensure_future(_result(executor.run(ran.append, (1,), {})))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    assert await first
    await asyncio.wait([second])
    assert await executor.run(int, ("7",), {}) == 7
    assert (ran, executor.strays) == ([], 0)
    executor.close()


async def _result(made: Any) -> Any:
    return await made


async def test_threads_end_when_the_executor_is_closed() -> None:
    executor, threads = ThreadExecutor(1), list[threading.Thread]()
    await executor.run(lambda: threads.append(threading.current_thread()), (), {})
    executor.close()
    executor.close()
    await asyncio.to_thread(threads[0].join, 5)
    assert not threads[0].is_alive()
