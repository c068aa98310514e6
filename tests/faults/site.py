"""Worker processes on one store, and what its events say about the jobs."""

import asyncio
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from headrace.core import topics
from headrace.core.commands import Add, Count, Get, Read
from headrace.core.jobs import JobRecord, JobRef, NewJob, Options
from headrace.core.log import Change
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted
from tests.faults.ground import Ground
from tests.faults.tower import told
from tests.history.final import final_of
from tests.history.history import History
from tests.history.recorder import from_files, of_process
from tests.history.rules import Finding, findings
from tests.house.source import ROOT

ENDS = ("completed", "failed")
PAGE = 500


class Mill:
    """A worker process; what it logs is in the file `log`."""

    def __init__(self, url: str, lease_ms: int, concurrency: int, log: Path, facts: Path | None = None) -> None:
        self.log = log
        command = [sys.executable, "-m", "tests.faults.mill", url, str(lease_ms), str(concurrency)]
        command += [str(facts)] if facts else []
        with log.open("a") as errors:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)

    async def ready(self) -> None:
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert line == "ready\n", self.log.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, timeout_s: float = 20) -> str:
        """What it printed after it was ready, once it has ended."""
        out, _ = await asyncio.to_thread(self.process.communicate, None, timeout_s)
        return out

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Site:
    def __init__(self, store: Storage, ground: Ground, lease_ms: int, facts: Path | None = None) -> None:
        self.store = store
        self.ground = ground
        self.folder = ground.folder
        self.lease_ms = lease_ms
        self.facts = facts
        self.mills: list[Mill] = []
        self.changes: dict[str, list[Change]] = defaultdict(list)
        self._position = 0

    async def mill(self, concurrency: int = 10) -> Mill:
        made = Mill(self.ground.url, self.lease_ms, concurrency, self.folder / "mills.log", self.facts)
        self.mills.append(made)
        await made.ready()
        return made

    async def add(self, name: str, *data: str, max_stalled: int = 1_000) -> list[JobRef]:
        """A job for each of these data."""
        options = Options(max_stalled=max_stalled)
        return await self.add_jobs(*(NewJob("q", name, text, options=options) for text in data))

    async def add_jobs(self, *jobs: NewJob) -> list[JobRef]:
        reply = await self.store.run(Add(jobs))
        return list(granted(reply).jobs)

    async def get(self, ref: JobRef) -> JobRecord:
        reply = await self.store.run(Get((ref,)))
        (job,) = granted(reply).jobs
        assert job is not None
        return job

    async def get_all(self, refs: list[JobRef]) -> list[JobRecord]:
        """All these jobs, a page at a time."""
        found: list[JobRecord] = []
        for at in range(0, len(refs), PAGE):
            jobs = granted(await self.store.run(Get(tuple(refs[at : at + PAGE])))).jobs
            assert None not in jobs
            found += [job for job in jobs if job is not None]
        return found

    async def until(self, ref: JobRef, *states: str, timeout_s: float = 20) -> JobRecord:
        """The job, once it is in one of these states."""
        end = time.monotonic() + timeout_s
        while (job := await self.get(ref)).state not in states:
            assert time.monotonic() < end, job
            await asyncio.sleep(0.01)
        return job

    async def unfinished(self) -> int:
        reply = await self.store.run(Count(("q",)))
        return sum(count for state, count in granted(reply).queues["q"].items() if state not in ENDS)

    async def follow(self) -> None:
        """Read the events that came since the last call; the log must not have been trimmed meanwhile."""
        while True:
            reply = await self.store.run(Read(topics.job_events("q"), after=self._position))
            page = granted(reply)
            assert page.gap is None
            for entry in page.entries:
                self.changes[entry.key].append(msgspec.json.decode(entry.body, type=Change))
                self._position = entry.position
            if not page.entries:
                return

    async def findings(self, least: int) -> list[Finding]:
        """What is wrong with all that was seen and all that is there; everything must have been followed."""
        assert self.facts is not None
        events = {
            JobRef("q", job_id): [c for c in changes if c.state != "progress"]
            for job_id, changes in self.changes.items()
        }
        return findings(History(from_files(self.facts)), await final_of(self.store, events), least=least)

    def ends(self, job_id: str) -> list[str]:
        """Every outcome for good that was ever recorded of a job."""
        return [change.state for change in self.changes[job_id] if change.state in ENDS]


@asynccontextmanager
async def site(ground: Ground, lease_ms: int = 1_000, *, is_recorded: bool = False) -> AsyncIterator[Site]:
    """A fresh store with the means to start workers on it; none outlives the block."""
    store = open_store(ground.url, clock=told())
    facts = ground.folder / "facts" if is_recorded else None
    if facts is not None:
        facts.mkdir()
        store = of_process(store, facts, "site")
    await store.open()
    made = Site(store, ground, lease_ms, facts)
    try:
        yield made
    finally:
        for mill in made.mills:
            mill.kill()
        await store.close()
