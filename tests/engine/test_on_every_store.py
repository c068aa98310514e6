"""A worker on real stores in real time: what it does must not depend on which store it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.core.commands import Add, Claim, Count, Move
from headrace.core.jobs import Failure, JobRef, NewJob, Parent
from headrace.core.outcomes import Later, Unrecoverable
from headrace.engine.context import current
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted
from headrace.worker import Worker
from tests.engine.workshop import add, get, registry, run_until_idle

DEADLINE_S = 20


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/jobs.db"}.get(request.param)
    prefix = None
    if url is None:
        url = request.getfixturevalue("valkey_url")
        prefix = request.getfixturevalue("prefix_on")(url)
    made = open_store(url, prefix=prefix)
    await made.open()
    async with asyncio.timeout(DEADLINE_S):
        yield made
    await made.close()


async def double(x: int) -> int:
    return 2 * x


async def test_many_jobs_of_all_endings_are_all_settled(store: Storage) -> None:
    polls: set[str] = set()

    async def boom() -> None:
        raise ValueError("no")

    async def give_up() -> None:
        raise Unrecoverable("never")

    async def poll() -> str:
        if current().job.id not in polls:
            polls.add(current().job.id)
            raise Later(0)
        return "came"

    def plain() -> str:
        context = current()
        context.progress.sync(1)
        context.log.sync("from a thread")
        return context.job.id

    made = registry(double, boom, give_up, poll)
    for handler in registry(plain, executor="thread")._named.values():
        made.add(handler)
    names = ["double?x=1", "boom", "give_up", "poll", "plain"] * 40
    refs = await add(store, *names, attempts=2)
    worker = await run_until_idle(store, made, concurrency=10)
    jobs = [await get(store, ref) for ref in refs]
    assert [job.state for job in jobs] == ["completed", "failed", "failed", "completed", "completed"] * 40
    assert [job.attempts_made for job in jobs] == [1, 2, 1, 1, 1] * 40
    assert worker.processed == 40 * (1 + 2 + 1 + 2 + 1)


async def test_a_flow_runs_from_its_leaves_to_its_root(store: Storage) -> None:
    order: list[str] = []

    async def leaf() -> str:
        order.append("leaf")
        return current().job.id

    async def root() -> list[str]:
        order.append("root")
        return sorted(await current().children_by_key())

    top = NewJob("q", "root", id="top", has_children=True)
    leaves = [NewJob("q", "leaf", id=f"leaf-{number}", parent=Parent("q", "top")) for number in range(20)]
    await store.run(Add((top, *leaves)))
    await run_until_idle(store, registry(leaf, root), concurrency=3)
    assert order == ["leaf"] * 20 + ["root"]
    job = await get(store, JobRef("q", "top"))
    assert job.result is not None
    assert job.result.count("q/leaf-") == 20


async def test_an_idle_worker_takes_jobs_as_they_come_and_cancels_what_is_cancelled(store: Storage) -> None:
    started: asyncio.Queue[str] = asyncio.Queue()

    async def endless() -> None:
        await started.put(current().job.id)
        await asyncio.Event().wait()

    async with Worker(store, registry(endless), poll_ms=60_000, lease_ms=60_000) as worker:
        for _ in range(5):
            (ref,) = await add(store, "endless")
            assert await started.get() == ref.id
            await store.run(Move((ref,), "cancel", failure=Failure("not wanted", "cancelled")))
            while worker.running:
                await asyncio.sleep(0)
            assert (await get(store, ref)).state == "failed"


async def test_what_is_handed_back_is_the_next_that_is_claimed(store: Storage) -> None:
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    refs = await add(store, "endless", "endless")
    made = registry(endless)
    worker = Worker(store, made, concurrency=1)
    await worker.start()
    await started.wait()
    await worker.close()
    reply = await store.run(Claim(made.sources(["q"]), 1, "next:1", 1_000))
    (lease,) = granted(reply).leases
    assert (lease.id, lease.attempts_made, lease.stalls) == (refs[0].id, 0, 0)


async def test_two_workers_share_the_work_and_run_nothing_twice(store: Storage) -> None:
    runs: list[str] = []

    async def note() -> None:
        runs.append(current().job.id)
        await asyncio.sleep(0)

    refs = await add(store, *["note"] * 500)
    made = registry(note)
    async with Worker(store, made, concurrency=7) as one, Worker(store, made, concurrency=7) as two:
        while await _unfinished(store):
            await asyncio.sleep(0)
        assert one.processed
        assert two.processed
    assert sorted(runs, key=int) == [ref.id for ref in refs]


async def _unfinished(store: Storage) -> int:
    reply = await store.run(Count(("q",)))
    counts = granted(reply).queues["q"]
    return sum(counts.values()) - counts["completed"]
