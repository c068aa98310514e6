"""The showcase with real worker processes: one that is killed, and one that is stopped with a flow half done."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import headrace
from examples.starchart.app import Starchart, starchart
from examples.starchart.ending import look
from examples.starchart.fake_dns import FakeDns, Faults
from examples.starchart.flows import QUEUES
from examples.starchart.published_scenarios import S1
from tests.faults.ground import Ground
from tests.house.source import ROOT

SCALE, LEASE_S = 0.001, 1.0
NAME = "www.students.example"


class Crew:
    """The service in this process, which adds and looks, and its workers in others."""

    def __init__(self, folder: Path, dns: FakeDns, acme: str = "http://nobody.invalid", url: str = "") -> None:
        self.dns, self.acme = dns, acme
        self.folder = folder
        self.records = folder / "headrace.db"  # of the rows, and of the jobs unless these are elsewhere
        self.url = url or f"sqlite:///{self.records}"
        self.service: Starchart = starchart(self.url, records=self.records, dns=dns.url, acme=acme, scale=SCALE)
        self.workers: list[subprocess.Popen[str]] = []

    async def worker(self) -> subprocess.Popen[str]:
        options = [self.url, str(self.records), self.dns.url, self.acme, str(SCALE), str(LEASE_S)]
        command = [sys.executable, "-m", "tests.faults.crew", *options]
        with (self.folder / "crew.log").open("a") as errors:
            made = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.workers.append(made)
        assert made.stdout is not None
        assert await asyncio.to_thread(made.stdout.readline) == "ready\n", (self.folder / "crew.log").read_text()
        return made

    def kill(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                await asyncio.sleep(0.01)

    async def until_ended(self, job: headrace.Job[Any]) -> None:
        async with asyncio.timeout(30):
            while await job.state() not in ("completed", "failed"):
                await asyncio.sleep(0.01)

    async def seen(self, state: str, name: str, root: headrace.Job[None]) -> None:
        """Wait until a job of the flow is in a state."""
        while True:
            records = [node.record for node in (await self.service.app.tree(root)).nodes if node.record is not None]
            if any((record.name, record.state) == (name, state) for record in records):
                return
            await asyncio.sleep(0.01)

    async def runs(self) -> Counter[str]:
        """How often each job was claimed, by queue."""
        found: Counter[str] = Counter()
        for queue in QUEUES:
            async for event in self.service.app.queue(queue).events(after=0):
                assert isinstance(event, headrace.Event)
                found[f"{queue} {event.state}{' stalled' if event.cause == 'stalled' else ''}"] += 1
                if event.state == "completed":
                    break
        return found


@pytest.fixture
async def crew(ground: Ground) -> AsyncIterator[Crew]:
    with FakeDns() as dns:
        made = Crew(ground.folder, dns, url=ground.url)
        async with made.service.app, asyncio.timeout(60):
            yield made
        made.kill()


async def test_s11_a_worker_killed_after_the_provider_accepted_leaves_one_record(crew: Crew) -> None:
    crew.dns.set_faults(Faults(slow_ms=60_000))
    root = await crew.service.app.enqueue(crew.service.create(NAME, "192.0.2.7"))
    first = await crew.worker()
    await crew.until(lambda: crew.dns.counters()["accepted"] == 1)
    await crew.seen("completed", "add_db_record", root)
    first.kill()
    crew.dns.set_faults(Faults())
    await crew.worker()
    await root.result(timeout=30)
    ending = await look(crew.service, crew.dns, root, NAME)
    assert {step.state for step in ending.jobs.values()} == {"completed"}
    assert (ending.row, len(crew.dns.zone())) == ("active", 1)
    counters = crew.dns.counters()
    assert (counters["accepted"], counters["duplicates"]) == (1, 1)
    runs = await crew.runs()
    assert (runs["dns-record-update active"], runs["dns-record-update waiting stalled"]) == (2, 1)
    assert runs["db-record-update active"] == 1


async def test_s12_after_a_restart_a_flow_goes_on_where_it_was(crew: Crew) -> None:
    root = await crew.service.app.enqueue(crew.service.create(NAME, "192.0.2.7"))
    await crew.service.app.queue("check-dns-status").pause()
    first = await crew.worker()
    await crew.seen("waiting", "check_dns_status", root)
    first.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait, 20) == 0
    await crew.service.app.queue("check-dns-status").resume()
    await crew.worker()
    await root.result(timeout=30)
    ending = await look(crew.service, crew.dns, root, NAME)
    assert (ending.row, ending.is_in_zone) == (S1.expected.row, True)
    runs = await crew.runs()
    assert {name: count for name, count in runs.items() if "active" in name} == {
        f"{queue} active": 1 for queue in QUEUES
    }
    assert not [name for name in runs if "stalled" in name]
