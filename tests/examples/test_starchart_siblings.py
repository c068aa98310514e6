"""The tree of variant A whose branches end together, on the stores that are built: no orphans, whichever fails."""

import pytest

import headrace
from examples.starchart.fake_dns import Faults
from examples.starchart.show import watch
from examples.starchart.sibling_scenarios import S15, s15
from examples.starchart.stage import ADDRESS
from examples.starchart.undoing import step_of
from tests.examples.play import Play, failure

NAME = "whole.students.example"
OWNERS = {"name": NAME, "type": "A", "value": "192.0.2.99"}


async def test_s15_a_branch_ends_when_the_other_fails_and_its_record_is_taken_away(stage: Play) -> None:
    jobs = await stage.ends(S15.expected, s15(stage.stage))
    assert failure(jobs["add_db_record"]).kind == "DuplicateRecord"
    cancelled = failure(jobs["check_dns_status"])
    assert (cancelled.cause, cancelled.reason) == ("cancelled", f"its sibling {jobs['add_db_record'].ref} failed")
    assert stage.runs == {"add_db_record": 5, "create_dns_record": 1, "undo_create": 1}
    assert stage.stage.dns.zone() == []
    counters = stage.stage.dns.counters()
    assert (counters["accepted"], counters["duplicates"], counters["polls"]) == (2, 1, 0)


async def ended(stage: Play) -> headrace.Job[None]:
    """The root of a flow that has ended, after its step."""
    job = await stage.app.enqueue(stage.service.create_or_nothing(NAME, ADDRESS))
    async with stage.app.worker():
        await watch(stage.stage.console, stage.app, job)
        await (await step_of(stage.app, job)).result(timeout=10)
    return job


async def test_the_row_is_taken_away_when_the_dns_branch_fails(stage: Play) -> None:
    stage.stage.dns.set_faults(Faults(reject=frozenset({NAME})))
    job = await ended(stage)
    assert await job.state() == "failed"
    assert (stage.service.records.find(NAME), stage.stage.dns.zone()) == (None, [])


async def test_what_belongs_to_another_is_left_alone(stage: Play) -> None:
    stage.service.records.add(NAME, OWNERS["value"])
    stage.stage.dns.answer("POST", "/changes", {"action": "create", **OWNERS}, None)
    await ended(stage)
    row = stage.service.records.find(NAME)
    assert row is not None
    assert row.value == OWNERS["value"]
    assert stage.stage.dns.zone() == [OWNERS]


@pytest.mark.parametrize("polls", [1, 3])
async def test_nothing_is_undone_when_all_goes_well(stage: Play, polls: int) -> None:
    stage.stage.dns.set_faults(Faults(insync_after_polls=polls))
    job = await ended(stage)
    row = stage.service.records.find(NAME)
    assert row is not None
    assert (await job.state(), row.status, len(stage.stage.dns.zone())) == ("completed", "active", 1)
    assert stage.stage.dns.counters()["submits"] == 1
