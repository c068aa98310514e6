"""S20: one reconciler, however often it is asked for. Its rows and jobs are one file, so it is played on SQLite."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import structs

import headrace
from examples.starchart.fake_dns import Faults
from examples.starchart.reconciler import QUEUE
from examples.starchart.reconciler_scenario import S20, most_at_once, s20
from tests.examples.play import Play, record

NAME = "wish.students.example"

pytestmark = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)


def zone(stage: Play) -> list[tuple[str, str]]:
    return [(entry["name"], entry["value"]) for entry in stage.stage.dns.zone()]


async def test_s20_five_hundred_changes_are_few_runs_one_after_the_other(stage: Play) -> None:
    async with stage.app.worker(), asyncio.timeout(60):  # five hundred commits take as long as the disk wants
        assert await s20(stage.stage) == S20.expected


async def test_changes_before_the_run_are_one_run(stage: Play) -> None:
    for value in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        stage.service.wish(NAME, value)
    await run_all(stage)
    assert (zone(stage), stage.runs["reconcile"]) == ([(NAME, "192.0.2.3")], 1)


async def test_a_change_that_comes_while_it_runs_has_a_run_of_its_own(stage: Play) -> None:
    """The first run has read the rows already: without `keep_last` nobody would see this change."""

    @stage.app.middleware
    async def change_at_the_end(ctx: headrace.Context, call_next: Callable[[], Awaitable[Any]]) -> Any:
        done = await call_next()
        if stage.runs["reconcile"] == 1:
            for value in ("192.0.2.8", "192.0.2.9"):
                await asyncio.to_thread(stage.service.wish, NAME, value)
        return done

    stage.service.wish(NAME, "192.0.2.1")
    await run_all(stage)
    assert zone(stage) == [(NAME, "192.0.2.1")]
    await run_all(stage)
    assert (zone(stage), stage.runs["reconcile"]) == ([(NAME, "192.0.2.9")], 2)
    assert (await stage.app.queue(QUEUE).counts())["delayed"] == 0


async def test_a_change_while_the_provider_is_away_is_in_the_next_attempt(stage: Play) -> None:
    stage.stage.dns.set_faults(Faults(fail_next=1))
    stage.service.wish(NAME, "192.0.2.1")
    await run_all(stage)
    stage.service.wish(NAME, "192.0.2.2")
    assert await stage.app.select().count() == 1
    await run_all(stage)
    assert zone(stage) == [(NAME, "192.0.2.2")]


async def run_all(stage: Play) -> None:
    """Run what is due and what is delayed."""
    await stage.app.queue(QUEUE).promote_all()
    await stage.app.worker(QUEUE).run_until_idle()


async def test_runs_that_touch_are_not_at_once(stage: Play) -> None:
    stage.service.wish(NAME, "192.0.2.1")
    await run_all(stage)
    (job,) = await stage.app.queue(QUEUE).jobs()

    def run(begin: int, end: int) -> headrace.JobRecord:
        return structs.replace(record(job), started_at=begin, finished_at=end)

    assert most_at_once([run(1, 5), run(5, 9), run(9, 9)]) == 1
    assert most_at_once([run(1, 5), run(4, 9), run(8, 10)]) == 2
