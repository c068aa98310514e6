"""A schedule heals itself: jobs that are gone and clocks that are set do not end it, and no slot fires twice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core.schedules import CatchUp, Overlap
from headrace.testing import Bench

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Watch:
    """A task that notes the hour of its slot, counted from the beginning."""

    bench: Bench
    begin: int
    hours: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        @self.bench.app.task
        def report() -> None:
            slot = headrace.context().slot
            assert slot is not None
            self.hours.append((slot.at - self.begin) / (HOUR // timedelta(milliseconds=1)))

        self.call = report.call()

    async def put(self, **options: Any) -> None:
        await self.bench.app.schedules.put("hourly", headrace.Every(HOUR), self.call, **options)

    async def after(self, span: timedelta) -> None:
        """Set the clock, and let a fresh worker do what it finds."""
        self.bench.clock.tick(span)
        await self.bench.run_until_idle()


@pytest.fixture(params=["memory", "sqlite"])
async def watch(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Watch]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"
    async with Bench(headrace.App("memory://"), url) as bench:
        yield Watch(bench, bench.clock.now)


async def removed(app: headrace.App, job: headrace.Job[Any]) -> None:
    await job.remove()


async def moved(app: headrace.App, job: headrace.Job[Any]) -> None:
    await job.move("elsewhere")


async def drained(app: headrace.App, job: headrace.Job[Any]) -> None:
    await app.queue("default").drain()


async def obliterated(app: headrace.App, job: headrace.Job[Any]) -> None:
    await app.queue("default").obliterate()


async def cancelled(app: headrace.App, job: headrace.Job[Any]) -> None:
    await job.cancel()


@pytest.mark.parametrize("overlap", ["skip", "queue"])
@pytest.mark.parametrize("goes", [removed, moved, drained, obliterated, cancelled])
async def test_it_goes_on_when_its_last_job_is_gone(
    watch: Watch, overlap: Overlap, goes: Callable[[headrace.App, headrace.Job[Any]], Awaitable[None]]
) -> None:
    app = watch.bench.app
    await watch.put(overlap=overlap)
    await watch.after(HOUR)
    await goes(app, await app.schedules.run("hourly"))  # a job that has not begun
    await watch.after(HOUR)
    await watch.after(HOUR)
    assert watch.hours == [1, 2, 3]
    assert (await app.schedules.get("hourly")).skipped == 0


@pytest.mark.parametrize("catch_up", ["latest", "all", "none"])
async def test_a_clock_set_back_by_a_day_fires_no_slot_twice_and_the_next_at_its_time(
    watch: Watch, catch_up: CatchUp
) -> None:
    await watch.put(catch_up=catch_up)
    for _ in range(3):
        await watch.after(HOUR)
    await watch.after(-DAY)
    for _ in range(24):
        await watch.after(HOUR)
    assert watch.hours == [1, 2, 3]
    await watch.after(HOUR)
    assert watch.hours == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("catch_up", "makes_up"), [("latest", [25]), ("all", [*range(2, 26)]), ("none", [])], ids=["latest", "all", "none"]
)
async def test_a_clock_set_forward_by_a_day_is_a_stop_like_any_other(
    watch: Watch, catch_up: CatchUp, makes_up: list[int]
) -> None:
    await watch.put(catch_up=catch_up)
    await watch.after(HOUR)
    await watch.after(DAY + timedelta(minutes=2))
    assert watch.hours == [1, *makes_up]
    await watch.after(-DAY)
    await watch.after(DAY)
    assert watch.hours == [1, *makes_up]
    await watch.after(timedelta(minutes=58))
    assert watch.hours == [1, *makes_up, 26]


async def test_a_schedule_that_is_put_while_the_clock_is_wrong_can_be_put_right(watch: Watch) -> None:
    """Its slots lie where the clock was; nothing comes before, and another plan begins anew from now."""
    watch.bench.clock.tick(DAY)
    await watch.put()
    await watch.after(-DAY)
    await watch.after(HOUR)
    assert watch.hours == []
    await watch.bench.app.schedules.remove("hourly")
    await watch.put()
    await watch.after(HOUR)
    assert watch.hours == [2]
