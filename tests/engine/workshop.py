"""What tests of the engine work with: a store in simulated time, handlers, jobs, and a store that misbehaves."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from headrace.core import codec
from headrace.core.commands import Add, Claim, Command, Get, Settle
from headrace.core.errors import InvalidData, Unavailable
from headrace.core.jobs import JobRecord, JobRef, Lease, NewJob, Options
from headrace.engine.registry import ExecutorName, Handler, Pause, Registry
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, Wrapper, granted
from headrace.worker import Worker
from tests.engine.simulation import clock


async def memory() -> Storage:
    store = open_store("memory://", clock=clock)
    await store.open()
    return store


def parse(lease: Lease) -> tuple[tuple[Any, ...], dict[str, Any]]:
    data = codec.decode(lease.data)
    if "bad" in data:
        raise InvalidData(task=lease.name, problem="bad is not good")
    return (), data


def registry(
    *functions: Callable[..., Any], queue: str = "q", executor: ExecutorName = "inline", **pauses: Pause
) -> Registry:
    """A registry of these functions, by their names."""
    made = Registry()
    for function in functions:
        made.add(Handler(queue, function.__name__, function, parse, codec.encode, executor, pauses))
    return made


async def add(store: Storage, *names: str, queue: str = "q", delay_ms: int = 0, **options: Any) -> list[JobRef]:
    """Jobs of these names; `name?x=1` gives it the argument x."""
    jobs = []
    for name in names:
        task, _, data = name.partition("?")
        pairs = dict(pair.split("=") for pair in data.split("&") if pair)
        jobs.append(NewJob(queue, task, codec.encode(pairs), delay_ms=delay_ms, options=Options(**options)))
    reply = await store.run(Add(tuple(jobs)))
    return list(granted(reply).jobs)


async def get(store: Storage, ref: JobRef) -> JobRecord:
    reply = await store.run(Get((ref,)))
    (job,) = granted(reply).jobs
    assert job is not None
    return job


async def run_until_idle(store: Storage, made: Registry, **options: Any) -> Worker:
    worker = Worker(store, made, **options)
    await worker.run_until_idle()
    return worker


class Watched(Wrapper):
    """A store that notes every call, and lets a test step in before and after it."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.calls: list[tuple[Command[Any], ...]] = []
        self.before: Callable[[tuple[Command[Any], ...]], Awaitable[None]] | None = None
        self.after: Callable[[tuple[Command[Any], ...]], Awaitable[None]] | None = None
        self.is_away = False

    async def run(self, *commands: Command[Any]) -> Any:
        self.calls.append(commands)
        await asyncio.sleep(0)
        self._check()
        if self.before is not None:
            await self.before(commands)
        reply = await self.inner.run(*commands)
        if self.after is not None:
            await self.after(commands)
        self._check()
        return reply

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        self._check()
        return await self.inner.wait(topics, timeout_ms)

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable(problem="a test says so")

    @property
    def turns(self) -> list[tuple[Command[Any], ...]]:
        """The calls of the pump."""
        return [call for call in self.calls if any(isinstance(command, Claim | Settle) for command in call)]
