"""Why does this schedule add no job? The nearest reason comes first."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core.commands import Beat, Claim, Fire, Source, WorkerRecord
from headrace.errors import NoSuchSchedule
from headrace.testing import Bench
from headrace.timing import moment

UNKNOWN = "no worker of the queue q serves the task report; they serve other: register it in their app"
NEXT = "it fires next at 2023-11-14 22:14:20 UTC"  # a minute after the frozen clock begins


class Desk:
    """The schedule `s` of an app whose clock stands still; nothing fires by itself."""

    def __init__(self, bench: Bench) -> None:
        self.app, self.clock = bench.app, bench.clock
        self.call = bench.app.queue("q").call("report")

    async def put(self, **options: Any) -> None:
        await self.app.schedules.put("s", headrace.Every(60), self.call, **options)

    async def fire(self) -> None:
        """What the scheduler does at a slot."""
        known = await self.app.schedules.get("s")
        assert known.next_at is not None
        await self.app.storage.run(Fire("s", known.version, known.next_at, known.next_at + 60_000))

    async def alive(self, *names: str) -> None:
        """Say that a worker of the queue lives; with names, that it serves these only."""
        await self.app.storage.run(Beat(WorkerRecord("w", "host", 1, (Source("q", names or None),), 5), 3_600_000))

    async def why(self) -> list[str]:
        return await self.app.schedules.why("s")


@pytest.fixture(params=["memory", "sqlite"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"
    async with Bench(headrace.App("memory://"), url) as bench:
        yield Desk(bench)


async def test_it_is_not_yet_time(desk: Desk) -> None:
    await desk.put()
    await desk.alive()
    assert await desk.why() == [NEXT]


async def test_no_worker_would_run_its_jobs(desk: Desk) -> None:
    await desk.put()
    assert await desk.why() == [NEXT, "no worker is running; start one: headrace worker APP"]
    await desk.alive("other")
    assert await desk.why() == [NEXT, UNKNOWN]


async def test_it_is_paused(desk: Desk) -> None:
    await desk.put()
    await desk.app.schedules.pause("s")
    assert await desk.why() == ["it is paused until somebody resumes it"]


async def test_the_code_has_it_no_more(desk: Desk) -> None:
    app = desk.app

    def pulse() -> None: ...

    app.task(every=60)(pulse)
    await app.worker().run_until_idle()
    app.task(pulse)
    await app.worker().run_until_idle()
    assert await app.schedules.why("pulse") == [f"it is paused, because {__name__} declares it no more"]


async def test_its_count_is_used_up(desk: Desk) -> None:
    await desk.put(count=1)
    await desk.fire()
    assert await desk.why() == ["it is over: it has added 1 of 1 jobs"]


async def test_its_end_has_come(desk: Desk) -> None:
    await desk.put(end=moment(desk.clock.now + 90_000))
    known = await desk.app.schedules.get("s")
    await desk.app.storage.run(Fire("s", known.version, known.next_at, None))
    assert await desk.why() == ["it is over: no slot is left before its end at 2023-11-14 22:14:50 UTC"]


async def test_a_slot_has_come_and_nobody_is_there(desk: Desk) -> None:
    await desk.put()
    desk.clock.tick(3600)
    assert await desk.why() == [
        "its slot of 2023-11-14 22:14:20 UTC has come, and fires as soon as a worker sees it",
        "no worker is running; start one: headrace worker APP",
    ]


async def test_a_slot_has_come_and_workers_do_not_fire_it(desk: Desk) -> None:
    await desk.put()
    await desk.alive()
    desk.clock.tick(61)
    assert await desk.why() == ["its slot of 2023-11-14 22:14:20 UTC has come, and fires as soon as a worker sees it"]
    desk.clock.tick(60)
    says = "its slot of 2023-11-14 22:14:20 UTC has come, and no worker fires it; their logs say why"
    assert await desk.why() == [says]


@pytest.mark.parametrize("overlap", ["skip", "queue"])
async def test_the_job_before_runs_on(desk: Desk, overlap: Any) -> None:
    await desk.put(overlap=overlap)
    await desk.alive()
    await desk.fire()
    await desk.app.storage.run(Claim((Source("q"),), 1, "t", 60_000, "w"))
    desk.clock.tick(125)
    if overlap == "skip":
        await desk.fire()
    runs = "its last job q/1 has not finished: it runs on worker w since 2023-11-14 22:13:20 UTC, for 125 s, attempt 1"
    assert (
        await desk.why()
        == {
            "skip": [
                "it fires next at 2023-11-14 22:16:20 UTC",
                "slots that come before q/1 has finished are skipped; skipped until now: 1",
                runs,
            ],
            "queue": ["its slot of 2023-11-14 22:15:20 UTC waits until its last job has finished", runs],
        }[overlap]
    )


async def test_what_keeps_its_last_job_is_told(desk: Desk) -> None:
    await desk.put()
    await desk.alive()
    await desk.fire()
    await desk.app.queue("q").pause()
    paused = "the queue q is paused; let it go on: headrace queues resume q"
    assert (await desk.why())[1:] == [f"its last job q/1 has not finished: {paused}"]
    await (await desk.app.queue("q").get("1")).remove()
    assert len(await desk.why()) == 1


async def test_one_that_is_not_there_is_an_error(desk: Desk) -> None:
    with pytest.raises(NoSuchSchedule):
        await desk.why()
