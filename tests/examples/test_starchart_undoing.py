"""What is undone of flows that were cancelled: in the end the zone and the rows are as they were before."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import headrace
from examples.starchart.cancel_scenarios import S14, begun, s14
from examples.starchart.fake_dns import Faults
from examples.starchart.stage import ADDRESS
from examples.starchart.undoing import step_of
from tests.examples.play import Play, failure

on_sqlite = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)

NAME, FORMER = "undo.students.example", "192.0.2.1"


@on_sqlite
async def test_s14_a_flow_that_is_cancelled_while_it_polls_leaves_nothing(stage: Play) -> None:
    told: list[str] = []

    @stage.app.middleware
    async def listen(ctx: headrace.Context, call_next: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await call_next()
        except asyncio.CancelledError:
            told.append(ctx.job.name)
            raise

    jobs = await stage.ends(S14.expected, s14(stage.stage))
    assert told == ["await_name_servers"]
    for task in ("await_name_servers", "activate_record"):
        assert (failure(jobs[task]).cause, failure(jobs[task]).reason) == ("cancelled", "the student has left")
    assert stage.runs == {"change_dns": 1, "await_name_servers": 1, "undo_request": 1}
    assert stage.stage.dns.zone() == []


async def cancelled(stage: Play, job: headrace.Job[None]) -> None:
    """Cancel a flow, and wait until it is undone."""
    await job.cancel(children=True)
    stage.stage.dns.set_faults(Faults())
    await (await step_of(stage.app, job)).result(timeout=10)


@on_sqlite
async def test_a_request_that_is_on_its_way_when_the_flow_is_cancelled_is_undone_too(stage: Play) -> None:
    stage.stage.dns.set_faults(Faults(slow_ms=300))
    job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    async with stage.app.worker(), asyncio.timeout(10):
        await begun(stage.app, job, "change_dns")
        await cancelled(stage, job)
    counters = stage.stage.dns.counters()
    assert (counters["accepted"], counters["duplicates"]) == (2, 1)  # one change, taken back, and asked for twice
    assert (stage.stage.dns.zone(), stage.service.records.find(NAME)) == ([], None)


@on_sqlite
async def test_of_a_flow_that_was_never_begun_nobody_is_asked_anything(stage: Play) -> None:
    job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    await job.cancel(children=True)
    async with stage.app.worker():
        await (await step_of(stage.app, job)).result(timeout=10)
    assert (stage.stage.dns.counters(), stage.service.records.find(NAME)) == ({}, None)


@on_sqlite
async def test_an_update_that_is_cancelled_gives_the_former_value_back(stage: Play) -> None:
    async with stage.app.worker(), asyncio.timeout(10):
        await (await asyncio.to_thread(stage.service.request, NAME, FORMER)).result()
        stage.stage.dns.set_faults(Faults(never_in_sync=True, slow_ms=100))
        job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS, "update")
        await begun(stage.app, job, "await_name_servers")
        await cancelled(stage, job)
    row = stage.service.records.find(NAME)
    assert row is not None
    assert (row.value, row.status) == (FORMER, "active")
    assert stage.stage.dns.zone() == [{"name": NAME, "type": "A", "value": FORMER}]
