from decimal import Decimal

import pytest

import headrace
from examples.report.__main__ import shaky
from examples.report.sales import make_reports

HARBOUR = Decimal("420.00")


async def test_a_shaky_source_is_asked_again_and_the_others_are_not() -> None:
    reports = make_reports("memory://", {"harbour": lambda _: HARBOUR, "web shop": shaky("1.50", 2)}, pause=0)
    async with reports.app as app:
        job = await app.enqueue(reports.flow("2030-05"))
        await app.worker().run_until_idle()
        text = await job.result(timeout=0)
    assert text.splitlines()[0] == "Sales of 2030-05"
    assert text.splitlines()[-1].split() == ["together", "421.50"]
    assert reports.asked == {"harbour": 1, "web shop": 3}


async def test_a_source_that_is_down_fails_the_report_and_is_named() -> None:
    reports = make_reports("memory://", {"harbour": lambda _: HARBOUR, "web shop": shaky("1.50", 9)}, pause=0)
    async with reports.app as app:
        job = await app.enqueue(reports.flow("2030-05"))
        await app.worker().run_until_idle()
        with pytest.raises(headrace.errors.JobFailed, match="child sources/"):
            await job.result(timeout=0)
        assert (await job.why())[0].partition(";")[0].endswith("failed")
    assert reports.asked == {"harbour": 1, "web shop": 5}


async def test_the_report_of_a_month_is_added_once() -> None:
    reports = make_reports("memory://", {"harbour": lambda _: HARBOUR})
    async with reports.app as app:
        await app.enqueue(reports.flow("2030-05"))
        with pytest.raises(headrace.errors.DuplicateId):
            await app.enqueue(reports.flow("2030-05"))
        assert (await app.queue("sources").counts())["waiting"] == 1
