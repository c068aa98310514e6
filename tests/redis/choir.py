"""Workers of their own, and whether all of them still work."""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

from headrace.core.commands import Add, Get
from headrace.core.errors import Unavailable
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from headrace.worker import Worker
from tests.engine.workshop import registry

CANARY_S: Final = 10.0
"""In which every worker has done a job that was added after whatever happened."""


async def sing() -> str:
    return "done"


class Choir:
    """So many workers, each on a store of its own and with a queue of its own, by way of `url`; we ask at `direct`."""

    def __init__(self, url: str, direct: str, count: int = 3, prefix: str = "bull") -> None:
        self._ours = RedisStore(direct, prefix=prefix)
        self._stores = [RedisStore(url, prefix=prefix) for _ in range(count)]
        self._queues = [f"q{number}" for number in range(count)]
        self._workers: list[Worker] = []
        self.acknowledged: list[tuple[str, str]] = []
        """The jobs of which we know that they were added: queue and id."""

    async def __aenter__(self) -> Self:
        await self._ours.open()
        for store, queue in zip(self._stores, self._queues, strict=True):
            await store.open()
            worker = Worker(store, registry(sing, queue=queue), concurrency=10, lease_ms=3_000)
            await worker.start()
            self._workers.append(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            await worker.close()
        for store in (*self._stores, self._ours):
            await store.close()

    async def sing(self, timeout_s: float = CANARY_S) -> None:
        """Give each worker a job; `TimeoutError` if one of them has not done it in time."""
        async with asyncio.timeout(timeout_s):
            added = [(await self._run(Add((NewJob(queue, "sing", "{}"),)))).jobs[0] for queue in self._queues]
            self.acknowledged += [(ref.queue, ref.id) for ref in added]
            left = added
            while left:
                jobs = (await self._run(Get(tuple(left)))).jobs
                left = [ref for ref, job in zip(left, jobs, strict=True) if job is None or job.state != "completed"]
                await asyncio.sleep(0.01)

    async def _run(self, command: Any) -> Any:
        while True:
            try:
                return granted(await self._ours.run(command))
            except Unavailable:
                await asyncio.sleep(0.02)
