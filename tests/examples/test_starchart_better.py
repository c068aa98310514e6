"""Variant B of a new subdomain. Its rows and jobs are one file, so it is played on SQLite."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest

import headrace
from examples.starchart import better
from examples.starchart.app import starchart
from examples.starchart.better import ATTEMPTS, PATIENCE_S
from examples.starchart.better_scenarios import S1B, S6B, play_better, s1b, s6b
from examples.starchart.ending import Ending, Step
from examples.starchart.fake_dns import Faults
from examples.starchart.records import DuplicateRecord, UnknownRecord
from examples.starchart.show import watch
from examples.starchart.stage import ADDRESS, Scenario
from examples.starchart.undoing import UNDOING, step_of
from tests.examples.play import DONE, SCALE, UNRUN, Play, assert_at_least, assert_failed_by, failure, pauses, record

on_sqlite = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)

NAME = "b.students.example"
HAPPY = S1B.expected.jobs


async def stored(stage: Play) -> int:
    return await stage.app.select().count()


async def runs_to_its_end(stage: Play, job: headrace.Job[None]) -> Ending:
    async with stage.app.worker(), asyncio.timeout(10):
        return await stage.stage.follow(job, NAME)


@on_sqlite
async def test_s1b_three_polls_are_one_attempt(stage: Play) -> None:
    jobs = await stage.ends(S1B.expected, s1b(stage.stage))
    wait = jobs["await_name_servers"]
    assert stage.runs == {"change_dns": 1, "await_name_servers": 3, "activate_record": 1, "undo_request": 1}
    assert (record(wait).attempts_made, record(wait).failures) == (1, ())
    assert_at_least(await pauses(stage.app, wait), [60, 60])
    assert stage.stage.dns.counters()["polls"] == 3


@on_sqlite
async def test_more_polls_than_attempts_fail_nothing(stage: Play) -> None:
    slow = replace(S1B, id="S5B", faults=Faults(insync_after_polls=ATTEMPTS + 2))
    jobs = await stage.ends(S1B.expected, play_better(stage.stage, slow))
    assert stage.runs["await_name_servers"] == ATTEMPTS + 2
    assert record(jobs["await_name_servers"]).failures == ()


@on_sqlite
async def test_an_outage_while_it_waits_costs_an_attempt_and_the_waiting_none(stage: Play) -> None:
    expected = replace(S1B.expected, jobs={**HAPPY, "await_name_servers": Step("completed", 2)})
    job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    async with stage.app.worker("better-dns") as worker:
        await worker.run_until_idle()
    stage.stage.dns.set_faults(Faults(fail_next=1, insync_after_polls=3))
    assert await runs_to_its_end(stage, job) == expected
    assert stage.runs["await_name_servers"] == 4


@on_sqlite
async def test_s6b_a_duplicate_is_refused_at_once_and_nobody_is_asked(stage: Play) -> None:
    assert await stage.ends(S6B.expected, s6b(stage.stage)) == {}
    with pytest.raises(DuplicateRecord, match=f"there is a record {S6B.name} already"):
        stage.service.request(S6B.name, ADDRESS)
    assert (await stored(stage), stage.runs) == (0, {})
    assert stage.stage.dns.counters() == {}
    row = stage.service.records.find(S6B.name)
    assert row is not None
    assert row.value == "192.0.2.99"


@on_sqlite
async def test_of_two_requests_at_once_one_makes_a_flow(stage: Play) -> None:
    asked = [asyncio.to_thread(stage.service.request, NAME, ADDRESS) for _ in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["DuplicateRecord"] * 3 + ["Job"]
    assert await stored(stage) == 4


@on_sqlite
async def test_other_work_is_refused_before_anything_is_stored(stage: Play) -> None:
    work: Any = "x"
    with pytest.raises(headrace.errors.InvalidData, match="'x'"):
        stage.service.request(NAME, ADDRESS, work)
    assert stage.service.records.find(NAME) is None
    assert await stored(stage) == 0


@on_sqlite
async def test_an_update_goes_the_same_way_and_needs_a_row(stage: Play) -> None:
    with pytest.raises(UnknownRecord):
        stage.service.request(NAME, ADDRESS, "update")
    assert await stored(stage) == 0
    stage.service.records.add(NAME, "192.0.2.1")
    assert await runs_to_its_end(stage, stage.service.request(NAME, ADDRESS, "update")) == S1B.expected
    row = stage.service.records.find(NAME)
    assert row is not None
    assert (row.value, row.status) == (ADDRESS, "active")
    assert stage.stage.dns.zone() == [{"name": NAME, "type": "A", "value": ADDRESS}]


@pytest.mark.parametrize("stage", ["memory"], indirect=True)
async def test_without_a_flow_there_is_no_row(stage: Play) -> None:
    with pytest.raises(headrace.errors.Misuse, match="SQLite can"):
        stage.service.request(NAME, ADDRESS)
    assert stage.service.records.find(NAME) is None


@on_sqlite
async def test_s4b_dns_down_for_good_is_undone_when_it_is_back_and_may_be_asked_for_anew(stage: Play) -> None:
    stage.stage.dns.set_faults(Faults(down=True))
    job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    step = await step_of(stage.app, job)
    async with stage.app.worker(), asyncio.timeout(10):
        await watch(stage.stage.console, stage.app, job)
        jobs = {job.name: job for job in await stage.app.select().jobs()}
        assert_failed_by(jobs["await_name_servers"], jobs["change_dns"])
        assert_failed_by(jobs["activate_record"], jobs["await_name_servers"])
        assert stage.runs["change_dns"] == record(jobs["change_dns"]).attempts_made == 5
        stage.stage.dns.set_faults(Faults())
        await step.result()
    assert (stage.service.records.find(NAME), stage.stage.dns.zone()) == (None, [])
    again = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    assert await runs_to_its_end(stage, again) == S1B.expected


@on_sqlite
async def test_a_retry_before_it_is_undone_heals_it_also_after_a_long_outage(
    stage: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.app.queue(UNDOING).pause()
    stage.stage.dns.set_faults(Faults(down=True))
    job = await asyncio.to_thread(stage.service.request, NAME, ADDRESS)
    async with stage.app.worker(), asyncio.timeout(10):
        await watch(stage.stage.console, stage.app, job)
        after = time() + 2 * PATIENCE_S * SCALE  # a long outage is not time that the name servers took
        monkeypatch.setattr(better, "time", lambda: after)
        stage.stage.dns.set_faults(Faults(insync_after_polls=3))
        await job.retry(children=True)
        await job.result()
        await stage.app.queue(UNDOING).resume()
        await (await step_of(stage.app, job)).result()
    row = stage.service.records.find(NAME)
    assert row is not None
    assert row.status == "active"
    assert len(stage.stage.dns.zone()) == 1


@on_sqlite
async def test_what_the_provider_refuses_is_not_tried_again(stage: Play) -> None:
    steps = {"activate_record": UNRUN, "await_name_servers": UNRUN, "change_dns": Step("failed", 1)}
    expected = Ending(steps, row=None, is_in_zone=False)
    faults = Faults(reject=frozenset({"no.students.example"}))
    jobs = await stage.ends(expected, play_better(stage.stage, Scenario("NO", "", faults, expected)))
    found = failure(jobs["change_dns"])
    assert (found.reason, found.cause) == ("the DNS provider answered 422: rejected", "unrecoverable")
    assert "DnsRefused: the DNS provider" in found.trace
    counters = stage.stage.dns.counters()
    assert (counters["refused"], counters["accepted"]) == (2, 0)  # it is asked whose it is; nothing is deleted


@on_sqlite
async def test_s5b_never_in_sync_ends_at_a_deadline_of_its_own(stage: Play, tmp_path: Path) -> None:
    scale, file = 1e-6, tmp_path / "hasty.db"
    assert PATIENCE_S * scale < 0.1
    dns, acme = stage.stage.dns, stage.stage.acme
    service = starchart(f"sqlite:///{file}", records=file, dns=dns.url, acme=acme.url, scale=scale)
    hasty = Play(replace(stage.stage, service=service))
    expected = Ending(
        {"activate_record": UNRUN, "await_name_servers": Step("failed", 1), "change_dns": DONE},
        row=None,
        is_in_zone=False,
    )
    async with service.app:
        never = Scenario("S5B", "", Faults(never_in_sync=True), expected)
        jobs = await hasty.ends(expected, play_better(hasty.stage, never))
    found = failure(jobs["await_name_servers"])
    assert (found.cause, record(jobs["await_name_servers"]).failures[:-1]) == ("unrecoverable", ())
    assert found.reason.startswith("C1 is not in sync after 0.")
