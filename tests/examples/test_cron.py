from datetime import datetime, timedelta
from pathlib import Path

import pytest

from examples.cron.nightly import BERLIN, make_nights
from headrace.testing import Bench

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"


async def said(url: str, begin: datetime, *waits: timedelta) -> list[str]:
    """What the jobs say when a worker is there after each of these spans, and schedules are put at each start."""
    found: list[str] = []
    nights = make_nights("memory://", found.append)
    async with Bench(nights.app, url) as bench:
        bench.clock.now = round(begin.timestamp() * 1000)
        for wait in waits:
            await nights.put()
            bench.clock.tick(wait)
            await bench.run_until_idle()
    return found


@pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 24)], ids=["spring", "autumn"])
async def test_each_night_has_one_report_also_when_clocks_are_set(url: str, month: int, day: int) -> None:
    hours = [timedelta(hours=1)] * 48
    found = await said(url, datetime(2026, month, day, 12, tzinfo=BERLIN), *hours)
    assert [text for text in found if text.startswith("report")] == [
        f"report of {datetime(2026, month, day + n):%a %d %b}"  # noqa: DTZ001
        for n in range(2)
    ]


async def test_after_a_stop_all_reports_are_made_up_for_and_one_backup(url: str) -> None:
    found = await said(url, datetime(2026, 6, 1, 12, tzinfo=BERLIN), 4 * DAY)
    assert sorted(found) == ["backup of the night to Fri 05 Jun"] + [
        f"report of {day} Jun" for day in ("Mon 01", "Thu 04", "Tue 02", "Wed 03")
    ]
