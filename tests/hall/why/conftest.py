"""An app on each store that is complete, with a clock that stands still, and short words for what the tests do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core.commands import Beat, Claim, Command, Settle, Source, WorkerRecord
from headrace.core.jobs import Failure, Lease
from headrace.core.lifecycle import settle, settle_deferred
from headrace.core.outcomes import Failed, Outcome
from headrace.core.signs.facts import at
from headrace.testing.bench import Bench
from headrace.testing.clock import START, FrozenClock


def later(seconds: float = 0) -> str:
    """The instant at which the clock stands, or one after it, as sentences say it."""
    return at(START + round(seconds * 1000))


class Mill:
    """The app, its clock, and what other processes would do to its store."""

    def __init__(self, bench: Bench) -> None:
        self.app = bench.app
        self.clock = bench.clock

    async def run(self, *commands: Command[Any]) -> Any:
        return await self.app.storage.run(*commands)

    async def add(self, name: str = "x", data: Any = None, **options: Any) -> headrace.Job[Any]:
        return await self.app.queue("q").add(name, data, **options)

    async def worker(self, worker: str = "w-1", *names: str, queue: str = "q", **fields: Any) -> None:
        """Say that a worker lives; nothing runs there."""
        record = WorkerRecord(
            worker, "host", 1, (Source(queue, names or None),), fields.pop("concurrency", 10), **fields
        )
        await self.run(Beat(record, 60_000))

    async def claim(self, worker: str = "w-1", lease_ms: int = 60_000) -> Lease:
        (lease,) = (await self.run(Claim((Source("q"),), 1, "t", lease_ms, worker))).leases
        assert isinstance(lease, Lease)
        return lease

    async def end(self, outcome: Outcome) -> None:
        """Claim a job, and settle it."""
        await self.run(Settle((settle(await self.claim(), outcome, 0.0),)))

    async def fail(self, reason: str = "no", cause: Any = "error", kind: str = "", *, retryable: bool = False) -> None:
        await self.end(Failed(Failure(reason, cause, kind, attempt=1), retryable))

    async def end_deferred(self) -> None:
        """Claim a job that is to fail, and record that."""
        lease = await self.claim()
        assert lease.deferred is not None
        await self.run(Settle((settle_deferred(lease, lease.deferred),)))

    async def why(self, job: headrace.Job[Any]) -> list[str]:
        return await job.why()


@pytest.fixture(params=["memory", "sqlite"])
async def mill(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mill]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"
    async with Bench(headrace.App(url), url, clock=FrozenClock()) as bench:
        yield Mill(bench)
