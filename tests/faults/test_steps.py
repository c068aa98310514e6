"""Workers that are killed in a step, before it, and between the end of a job and its step.

A step is recorded once. It may be begun twice, as any job; what it does is single if it is done under its own name.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import headrace
from headrace.core import topics
from headrace.core.commands import Read
from headrace.core.log import Change
from headrace.errors import NoSuchJob
from headrace.storage.protocol import granted
from tests.faults.ground import Ground
from tests.faults.test_pressroom import Press, until

PATIENCE_S = 40
QUEUES = ("-q", "work", "-q", "steps")


class Yard:
    """Jobs with steps, the workers of these in other processes, and the notes of both."""

    def __init__(self, folder: Path, press: Press) -> None:
        self.press = press
        self.folder = folder
        self._queues = {name: press.app.queue(name) for name in ("work", "steps")}

    async def add(self, name: str, *, fails: bool, ms: int = 0, **holds: str) -> headrace.Job[Any]:
        """A job with a step for its end and one for its failure, all named after it."""

        def call(queue: str, task: str, **more: object) -> headrace.Call[Any]:
            data = {"folder": str(self.folder), "hold": holds.get(task, ""), "ms": ms} | more
            return self._queues[queue].call(task, data).options(job_id=f"{task}-{name}", max_stalled=100)

        steps = call("steps", "tidy"), call("steps", "tell")
        return await self.press.app.enqueue(call("work", "work", fails=fails).finally_(steps[0]).on_failure(steps[1]))

    async def step(self, job_id: str) -> headrace.Job[Any]:
        return await self.press.app.get("steps", job_id)

    def notes(self, name: str = "") -> list[str]:
        file = self.folder / "notes"
        return [line for line in file.read_text().splitlines() if line.startswith(name)] if file.exists() else []

    async def noted(self, line: str) -> None:
        await self.wait(lambda: line in self.notes(), line)

    async def wait(self, is_so: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < end, (what, self.notes())
            await asyncio.sleep(0.01)

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    async def history(self, queue: str) -> dict[str, list[Change]]:
        """What became of each job of a queue, change by change."""
        found: dict[str, list[Change]] = {}
        after = 0
        while True:
            page = granted(await self.press.app.storage.run(Read(topics.job_events(queue), after=after)))
            assert page.gap is None
            if not page.entries:
                return found
            for entry in page.entries:
                found.setdefault(entry.key, []).append(msgspec.json.decode(entry.body, type=Change))
            after = page.entries[-1].position


@pytest.fixture
async def yard(ground: Ground) -> AsyncIterator[Yard]:
    press = Press(ground, "tests.faults.tidying:app")
    async with press.app:
        yield Yard(ground.folder, press)
        press.kill()


def is_end(change: Change) -> bool:
    return change.state in ("completed", "failed")


@pytest.mark.parametrize(
    ("hold", "notes"),
    [("before", ["begun", "begun", "done"]), ("after", ["begun", "done", "begun", "found done"])],
)
@pytest.mark.parametrize(("fails", "name"), [(False, "tidy"), (True, "tidy"), (True, "tell")])
async def test_a_step_whose_worker_is_killed_in_it_is_run_again_and_recorded_once(
    yard: Yard, fails: bool, name: str, hold: str, notes: list[str]
) -> None:
    await yard.add("a", fails=fails, **{name: hold})
    first = await yard.press.worker(*QUEUES)
    await yard.noted(f"{name} {'begun' if hold == 'before' else 'done'}")
    first.kill()
    yard.open_gate()
    await yard.press.worker(*QUEUES)
    step = await yard.step(f"{name}-a")
    await step.result(timeout=PATIENCE_S)
    record = await step.refresh()
    assert (record.attempts_started, record.attempts_made, record.stalls) == (2, 1, 1)
    assert yard.notes(name) == [f"{name} {note}" for note in notes]
    assert yard.notes("work") == ["work begun", "work done"]
    changes = (await yard.history("steps"))[f"{name}-a"]
    assert [change.was for change in changes].count(None) == 1
    assert [change.state for change in changes if is_end(change)] == ["completed"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_worker_killed_between_the_end_of_a_job_and_its_steps_loses_none(yard: Yard, fails: bool) -> None:
    job = await yard.add("a", fails=fails)
    first = await yard.press.worker("-q", "work")  # of the steps it knows nothing, so they cannot begin before it dies
    await until(job, lambda record: record.state in ("completed", "failed"))
    first.kill()
    tidy = await yard.step("tidy-a")
    assert (await tidy.state(), yard.notes("t")) == ("waiting", [])
    await yard.press.worker(*QUEUES)
    assert await tidy.result(timeout=PATIENCE_S) == ("failed" if fails else "completed")
    record = await tidy.refresh()
    assert (record.attempts_started, record.stalls) == (1, 0)
    assert yard.notes("tidy") == ["tidy begun", "tidy done"]
    if fails:
        assert await (await yard.step("tell-a")).result(timeout=PATIENCE_S) == "no"
        assert yard.notes("tell") == ["tell begun", "tell done"]
    else:
        with pytest.raises(NoSuchJob):
            await yard.step("tell-a")


@pytest.mark.parametrize("fails", [False, True])
async def test_no_step_begins_because_the_worker_of_its_job_was_killed(yard: Yard, fails: bool) -> None:
    """The job has done its work, and nobody has heard of it: it runs again, and its steps wait for that run."""
    job = await yard.add("a", fails=fails, work="after")
    first = await yard.press.worker(*QUEUES)
    await yard.noted("work done")
    first.kill()
    await yard.press.worker(*QUEUES)
    await yard.wait(lambda: yard.notes("work").count("work begun") == 2, "a second run")
    assert yard.notes("t") == []
    yard.open_gate()
    await until(job, lambda record: record.state == ("failed" if fails else "completed"))
    assert await (await yard.step("tidy-a")).result(timeout=PATIENCE_S) == ("failed" if fails else "completed")
    assert yard.notes("tidy") == ["tidy begun", "tidy done"]


async def storm(yard: Yard, seed: int, flows: int, kills: int) -> None:
    """Kill workers at random moments while jobs and their steps run; then see that each step came to one end."""
    dice = random.Random(seed)
    workers = [await yard.press.worker(*QUEUES) for _ in range(2)]
    for number in range(kills):
        for at in range(flows * number // kills, flows * (number + 1) // kills):
            await yard.add(str(at), fails=at % 2 == 1, ms=dice.choice([0, 20, 150]))
        await asyncio.sleep(dice.uniform(0.05, 0.4))
        victim = dice.randrange(len(workers))
        workers[victim].kill()
        workers[victim] = await yard.press.worker(*QUEUES)
    for at in range(flows):
        await (await yard.step(f"tidy-{at}")).result(timeout=PATIENCE_S)
        if at % 2:
            await (await yard.step(f"tell-{at}")).result(timeout=PATIENCE_S)
    history = await yard.history("steps")
    ends = {name: [change.state for change in changes if is_end(change)] for name, changes in history.items()}
    wanted = {f"tidy-{at}" for at in range(flows)} | {f"tell-{at}" for at in range(1, flows, 2)}
    assert {name: found for name, found in ends.items() if found} == {key: ["completed"] for key in wanted}, seed
    # By its effect and not by its note, which a worker killed between the two has not made.
    assert {file.name for file in yard.folder.glob("steps-*")} == {f"steps-{name}" for name in wanted}
    notes = Counter(line for line in yard.notes("t") if line.endswith(" done") and "found" not in line)
    assert notes["tidy done"] <= flows
    assert notes["tell done"] <= flows // 2
    runs = sum(change.state == "active" for changes in history.values() for change in changes)
    print(f"seed {seed}: {len(wanted)} steps, {runs - len(wanted)} runs of them were cut short")
    assert runs > len(wanted), f"seed {seed}: no kill hit a step; this run says nothing"


async def test_a_short_storm_ends_every_step_once(yard: Yard) -> None:
    await storm(yard, 20261122, flows=60, kills=6)


@pytest.mark.soak
async def test_a_long_storm_ends_every_step_once(yard: Yard) -> None:
    await storm(yard, 1, flows=1_000, kills=100)
