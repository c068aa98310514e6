"""How the scenarios of the showcase are played in tests, and what can be asked of their jobs afterwards."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import headrace
from examples.starchart.app import Starchart
from examples.starchart.ending import Ending, Step
from examples.starchart.published_scenarios import play
from examples.starchart.stage import Facts, Scenario, Stage

SCALE = 0.001

DONE, UNRUN = Step("completed", 1), Step("failed", 0)


@dataclass(frozen=True)
class Play:
    """A stage, and how often the handler of each task was called."""

    stage: Stage
    runs: Counter[str] = field(default_factory=Counter)

    @property
    def service(self) -> Starchart:
        return self.stage.service

    @property
    def app(self) -> headrace.App:
        return self.service.app

    async def ends(self, expected: Facts, played: Awaitable[Facts]) -> dict[str, headrace.Job[Any]]:
        """Play to the end, which must be the expected one; the jobs by task."""
        async with self.app.worker(), asyncio.timeout(10):
            assert await played == expected
        return {job.name: job for job in await self.app.select().jobs()}

    async def of(self, scenario: Scenario[Ending]) -> dict[str, headrace.Job[Any]]:
        return await self.ends(scenario.expected, play(self.stage, scenario))


def record(job: headrace.Job[Any]) -> headrace.JobRecord:
    assert job.record is not None
    return job.record


def failure(job: headrace.Job[Any]) -> headrace.Failure:
    found = record(job).failure
    assert found is not None
    return found


async def pauses(app: headrace.App, job: headrace.Job[Any]) -> list[int]:
    """The milliseconds that a job spent delayed, pause by pause, as its events tell."""
    events: list[headrace.Event] = []
    async for event in app.queue(job.queue).events(after=0):
        assert isinstance(event, headrace.Event)
        events += [event] if event.job == job.ref else []
        if event.state in ("completed", "failed"):
            break
    return [after.at - before.at for before, after in pairwise(events) if before.state == "delayed"]


def assert_at_least(found: list[int], wanted: list[int]) -> None:
    assert len(found) == len(wanted)
    assert all(pause >= least for pause, least in zip(found, wanted, strict=True)), (found, wanted)


def assert_failed_by(parent: headrace.Job[Any], child: headrace.Job[Any]) -> None:
    assert failure(parent).reason == f"child {child.ref} failed"
    assert failure(parent).cause == "child-failed"
