"""Schedules: pages of them, by name or by time."""

from typing import Any

from headrace.core.commands import ScheduleList, Schedules

from .clock import FrozenClock
from .desk import Desk
from .plans import put


async def names(desk: Desk, **fields: Any) -> list[str]:
    return [one.name for one in (await desk.run(Schedules(**fields))).schedules]


async def test_none_is_an_answer_too_and_says_what_time_it_is(desk: Desk, clock: FrozenClock) -> None:
    assert await desk.run(Schedules()) == ScheduleList((), clock.now)


async def test_they_come_by_name_page_by_page(desk: Desk) -> None:
    for name in ("b", "ü", "a", "c"):
        await put(desk, name, paused="by hand" if name == "a" else None)
    assert await names(desk) == ["a", "b", "c", "ü"]
    assert await names(desk, limit=2) == ["a", "b"]
    assert await names(desk, limit=2, after=(0, "b")) == ["c", "ü"]


async def test_by_time_come_those_that_will_fire(desk: Desk) -> None:
    await put(desk, "later", next_at=300)
    await put(desk, "b", next_at=100)
    await put(desk, "a", next_at=100)
    await put(desk, "paused", next_at=50, paused="by hand")
    await put(desk, "gone", next_at=50, paused="gone")
    await put(desk, "over", next_at=None)
    assert await names(desk, order="time") == ["a", "b", "later"]
    assert await names(desk, order="time", limit=1, after=(100, "a")) == ["b"]
    assert await names(desk, order="time", after=(100, "b")) == ["later"]


async def test_those_named_and_no_others(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        await put(desk, name)
    assert await names(desk, names=("c", "a", "nobody")) == ["a", "c"]
    assert await names(desk, names=("c",), order="time") == ["c"]
    assert await names(desk, names=()) == []
