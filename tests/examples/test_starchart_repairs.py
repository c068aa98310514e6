"""Flows of the showcase that are healed from the command line, which needs a store that two processes can open."""

import pytest

import headrace
from examples.starchart.repair_scenarios import S13, s13
from tests.examples.play import Play, record

on_sqlite = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)


@on_sqlite
async def test_s13_only_what_has_failed_is_run_again_from_the_command_line(stage: Play) -> None:
    jobs = await stage.ends(S13.expected, s13(stage.stage))
    assert stage.runs == {"add_db_record": 1, "create_dns_record": 6, "check_dns_status": 1, "sync_db_status": 1}
    assert await jobs["add_db_record"].result() == 1
    keys = [str(jobs[child].ref) for child in ("add_db_record", "check_dns_status")]
    assert await jobs["sync_db_status"].logs() == [f"results of {', '.join(keys)}"]
    assert len(stage.stage.dns.zone()) == 1
    retried = {name for name, job in jobs.items() if await was_retried(stage.app, job)}
    assert retried == {"create_dns_record", "check_dns_status", "sync_db_status"}
    assert [one.attempt for one in record(jobs["create_dns_record"]).failures] == [1, 2, 3, 4, 5]  # they are remembered


async def was_retried(app: headrace.App, job: headrace.Job[None]) -> bool:
    """Whether its history goes on after it had ended."""
    async for event in app.queue(job.queue).events(after=0):
        assert isinstance(event, headrace.Event)
        if event.job == job.ref and event.was == "failed":
            return True
        if event.job == job.ref and event.state == "completed":
            return False
    return False
