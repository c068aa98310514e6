"""S19: many flows of the showcase at once, with a provider that fails now and then and workers that are killed."""

import asyncio
from pathlib import Path

import pytest

from examples.starchart.crowd_scenario import S19, Course, Crowd, CrowdEnding, play_crowd, quantile
from examples.starchart.fake_dns import FakeDns


async def play(crowd: Crowd, folder: Path) -> Course:
    """Every flow must have completed, and each row be active and its name in the zone."""
    with FakeDns(S19.faults) as dns:
        async with asyncio.timeout(240):
            ending, course = await play_crowd(dns, folder, crowd)
        assert ending == CrowdEnding(crowd.flows, crowd.flows, crowd.flows), course
        counters = dns.counters()
    assert counters["accepted"] == crowd.flows
    assert counters["faults"] > 0
    assert course.kills > 0
    print(course)
    return course


async def test_s19_in_short_every_flow_ends_and_rows_and_zone_agree(tmp_path: Path) -> None:
    await play(Crowd(flows=60, kill_every_s=0.3, lease_s=0.5), tmp_path)


@pytest.mark.soak
async def test_s19_every_flow_ends_and_rows_and_zone_agree(tmp_path: Path) -> None:
    course = await play(Crowd(), tmp_path)
    assert course.stalls, "no kill hit a running job; this run says nothing"


def test_the_value_that_a_share_does_not_exceed() -> None:
    values = list(range(1, 101))
    assert [quantile(values, share) for share in (0.5, 0.95, 1)] == [50, 95, 100]
    assert quantile([7], 0.95) == 7
