import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import pytest

from headrace.core.errors import Misuse
from headrace.engine.home import Home
from headrace.engine.sync import BlockingAs, blocking, blocking_context, blocking_iterator

T = TypeVar("T")

colour: ContextVar[str] = ContextVar("colour", default="none")


class First(Protocol):
    def __call__(self, items: list[T]) -> Coroutine[Any, Any, T]: ...
    def sync(self, items: list[T]) -> T: ...


class Teller:
    def __init__(self) -> None:
        self._home = Home()
        self.closed: list[str] = []

    @blocking
    async def where(self) -> asyncio.AbstractEventLoop:
        """The loop this runs on."""
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    @blocking
    async def colour(self) -> str:
        return colour.get()

    @blocking
    async def fail(self, text: str) -> None:
        raise ValueError(text)

    @blocking_iterator
    async def count(self, limit: int) -> AsyncIterator[int]:
        try:
            for number in range(limit):
                yield number
        finally:
            self.closed.append("count")

    @blocking_context
    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[str]:
        try:
            yield name
        finally:
            self.closed.append(name)

    @BlockingAs[First]
    async def first(self, items: list[T]) -> T:
        return items[0]


@pytest.fixture
def teller() -> Iterator[Teller]:
    made = Teller()
    yield made
    made._home.close()


async def test_awaiting_on_the_home_loop_is_a_plain_call(teller: Teller) -> None:
    assert await teller.where() is asyncio.get_running_loop()
    assert await teller.first(["a"]) == "a"
    assert [number async for number in teller.count(3)] == [0, 1, 2]
    async with teller.hold("x") as held:
        assert held == "x"


def test_sync_first_makes_a_loop_in_a_thread_and_keeps_it(teller: Teller) -> None:
    assert teller.where.sync() is teller.where.sync()
    assert teller.first.sync([1, 2]) == 1
    assert list(teller.count.sync(3)) == [0, 1, 2]
    with teller.hold.sync("x") as held:
        assert held == "x"
    assert teller.closed == ["count", "x"]


def test_another_loop_is_carried_to_the_home_loop(teller: Teller) -> None:
    home = teller.where.sync()

    async def elsewhere() -> None:
        assert await teller.where() is home
        assert [number async for number in teller.count(3)] == [0, 1, 2]
        async with teller.hold("x") as held:
            assert held == "x"
        with pytest.raises(ValueError, match="no"):
            await teller.fail("no")

    asyncio.run(elsewhere())


async def test_a_thread_of_a_running_app_comes_to_its_loop(teller: Teller) -> None:
    await teller.where()
    assert await asyncio.to_thread(teller.where.sync) is asyncio.get_running_loop()


async def test_the_callers_context_travels_along(teller: Teller) -> None:
    await teller.where()
    colour.set("red")
    assert await asyncio.to_thread(teller.colour.sync) == "red"


async def test_sync_inside_a_running_loop_is_misuse_that_says_what_to_write(teller: Teller) -> None:
    with pytest.raises(Misuse, match=r"Teller\.where\(…\) without \.sync"):
        teller.where.sync()
    with pytest.raises(Misuse):
        teller.count.sync(3)
    with pytest.raises(Misuse):
        teller.hold.sync("x")


def test_an_error_reaches_the_blocking_caller_unchanged(teller: Teller) -> None:
    with pytest.raises(ValueError, match="no"):
        teller.fail.sync("no")


def test_a_loop_that_has_ended_is_replaced_and_the_hooks_hear_of_it(teller: Teller) -> None:
    heard: list[str] = []
    teller._home.on_rebind(lambda: heard.append("rebound"))
    first = asyncio.run(teller.where())
    assert asyncio.run(teller.where()) is not first
    assert teller.where.sync() is not first
    assert heard == ["rebound", "rebound"]


def test_a_coroutine_made_outside_a_loop_runs_on_the_loop_that_awaits_it(teller: Teller) -> None:
    assert asyncio.run(teller.where()).is_closed()


def test_a_closed_home_has_no_thread_and_can_be_used_again(teller: Teller) -> None:
    teller.where.sync()
    teller._home.close()
    teller._home.close()
    assert "headrace-io" not in [thread.name for thread in threading.enumerate()]
    assert teller.where.sync() is teller._home.loop


def test_leaving_an_iterator_early_closes_it(teller: Teller) -> None:
    items = teller.count.sync(3)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert teller.closed == ["count"]


def test_the_method_keeps_its_name_and_docstring() -> None:
    assert Teller.where.__doc__ == "The loop this runs on."
    assert Teller.where.__name__ == "where"
