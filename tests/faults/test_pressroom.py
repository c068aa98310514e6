"""What real `headrace worker` processes leave behind when they are killed, and what a handler can keep them from."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core import topics
from headrace.core.commands import Read
from headrace.storage.protocol import granted
from tests.faults import pressroom
from tests.faults.ground import Ground
from tests.faults.test_process_tasks import gone, is_alive, pids
from tests.house.source import ROOT

LEASE_S = 1.0


class Press:
    """A store, and `headrace worker` processes on it."""

    def __init__(self, ground: Ground, place: str = "tests.faults.pressroom:app") -> None:
        self._place = place
        self.url = ground.url
        self.app = headrace.App(self.url)
        self._log = ground.folder / "workers.log"
        self._workers: list[subprocess.Popen[bytes]] = []

    async def worker(self, *more: str) -> subprocess.Popen[bytes]:
        """A worker process that is ready."""
        told = {"HEADRACE_TEST_PRESSROOM": self.url, "HEADRACE_LEASE": str(LEASE_S), "HEADRACE_POLL": "0.5"}
        command = [sys.executable, "-m", "headrace", "worker", self._place, *more]
        before = self._ready()
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=os.environ | told, stdout=log, stderr=log)
        self._workers.append(process)
        end = time.monotonic() + 20
        while self._ready() == before:
            assert time.monotonic() < end, self._log.read_text()
            await asyncio.sleep(0.02)
        return process

    async def add(self, task: headrace.Task[..., Any], **data: object) -> headrace.Job[Any]:
        return await self.app.queue(task.queue).add(task.name, data, max_stalled=5)

    async def ends(self, job: headrace.Job[Any]) -> list[str]:
        """Every outcome for good that was ever recorded of it."""
        page = granted(await self.app.storage.run(Read(topics.job_events(job.queue))))
        return [state for entry in page.entries for state in ("completed", "failed") if f'"{state}"' in entry.body]

    def _ready(self) -> int:
        return self._log.read_text().count(" ready: ") if self._log.exists() else 0

    def kill(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()


@pytest.fixture
async def press(ground: Ground) -> AsyncIterator[Press]:
    made = Press(ground)
    async with made.app:
        yield made
        made.kill()


@pytest.mark.parametrize("task", [pressroom.deaf, pressroom.hog, pressroom.polite_async], ids=["deaf", "hog", "async"])
async def test_no_child_outlives_a_worker_that_is_killed(
    press: Press, tmp_path: Path, task: headrace.Task[[str], Any]
) -> None:
    worker = await press.worker("-q", "default")
    await press.add(task, folder=str(tmp_path))
    children = await pids(tmp_path, 1 if task is pressroom.polite_async else 2)
    assert all(map(is_alive, children))
    worker.kill()
    await gone(*children, within_s=1)


async def test_a_worker_that_is_stopped_lets_its_children_end_their_jobs(press: Press) -> None:
    worker = await press.worker("-q", "default", "-c", "2")
    jobs = [await press.add(pressroom.eat, mib=160) for _ in range(2)]
    for job in jobs:
        await until(job, lambda record: record.state == "active")
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0
    assert [(await job.refresh()).state for job in jobs] == ["completed", "completed"]


async def test_a_child_adds_jobs_to_a_store_on_disk(press: Press) -> None:
    await press.worker("-q", "default", "-c", "2")
    job = await press.add(pressroom.add_leaf, number=5)
    queue, _, job_id = (await job.result(timeout=10)).partition("/")
    assert await (await press.app.get(queue, job_id)).result(timeout=10) == 5


async def test_a_signal_to_every_process_of_a_service_crashes_no_job(press: Press, tmp_path: Path) -> None:
    worker = await press.worker("-q", "default", "-c", "1")
    job = await press.add(pressroom.polite, folder=str(tmp_path))
    (child,) = await pids(tmp_path)
    os.kill(child, signal.SIGTERM)
    worker.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0
    assert ((await job.refresh()).state, (await job.refresh()).stalls) == ("waiting", 0)
    await gone(child)


async def until(job: headrace.Job[Any], is_so: Callable[[headrace.JobRecord], bool]) -> headrace.JobRecord:
    end = time.monotonic() + 30
    while not is_so(record := await job.refresh()):
        assert time.monotonic() < end, record
        await asyncio.sleep(0.02)
    return record


async def test_a_handler_that_blocks_the_loop_for_three_leases_keeps_its_lease(press: Press) -> None:
    for _ in range(2):
        await press.worker("-q", "gil")
    job = await press.add(pressroom.block, seconds=3 * LEASE_S)
    record = await until(job, lambda record: record.state == "completed")
    assert (record.attempts_started, record.stalls) == (1, 0)


async def test_a_handler_that_holds_the_interpreter_for_three_leases_is_fenced(press: Press) -> None:
    """Not even the thread that renews can run then: another worker has the job, and one outcome is recorded."""
    stuck, other = await press.worker("-q", "gil"), await press.worker("-q", "gil")
    job = await press.add(pressroom.grab, seconds=3 * LEASE_S)
    record = await until(job, lambda record: record.state == "completed")
    assert (record.stalls, record.attempts_started, record.attempts_made) == (1, 2, 1)
    await asyncio.sleep(2 * LEASE_S)  # the first has come back, and was refused
    assert await job.refresh() == record
    assert await press.ends(job) == ["completed"]
    for worker in (stuck, other):
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 20) == 0


async def test_a_handler_that_holds_the_interpreter_of_its_own_process_keeps_its_lease(press: Press) -> None:
    for _ in range(2):
        await press.worker("-q", "default")
    job = await press.add(pressroom.grip, seconds=3 * LEASE_S)
    record = await until(job, lambda record: record.state == "completed")
    assert (record.attempts_started, record.stalls) == (1, 0)
