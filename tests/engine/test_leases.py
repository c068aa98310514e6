import asyncio
import threading
import time
from typing import Any

from headrace.core.commands import Claim, Command, Move, Recover, Recovered, Renew, Renewed
from headrace.core.errors import Unavailable
from headrace.core.jobs import Failure, JobRef
from headrace.engine.aside import STOP_MAX_S
from headrace.engine.home import Home
from headrace.engine.leases import Leases
from headrace.engine.run import Run
from headrace.storage.protocol import Storage, granted
from tests.engine.simulation import simulated
from tests.engine.workshop import Watched, add, memory, registry


async def noop() -> None:
    pass


async def held(store: Storage, token: str = "me:1", lease_ms: int = 3_000) -> Run:
    await add(store, "noop")
    reply = await store.run(Claim(registry(noop).sources(["q"]), 1, token, lease_ms, "me"))
    (lease,) = granted(reply).leases
    run = Run(lease, store, Home())
    run.has_begun = True
    return run


@simulated
async def test_leases_are_renewed_in_one_batch_three_times_in_their_life() -> None:
    store = Watched(await memory())
    leases = Leases(store, 3_000)
    for number in range(5):
        leases.add(await held(store, f"me:{number}"))
    leases.start()
    await asyncio.sleep(10)
    await leases.stop()
    renewals = [call for call in store.calls if isinstance(call[0], Renew)]
    assert 10 <= len(renewals) <= 13
    assert {len(command.leases) for call in renewals for command in call if isinstance(command, Renew)} == {5}


@simulated
async def test_nothing_is_asked_while_nothing_is_held() -> None:
    store = Watched(await memory())
    leases = Leases(store, 3_000)
    leases.start()
    leases.poke()
    await asyncio.sleep(10)
    await leases.stop()
    assert store.calls == []


@simulated
async def test_runs_hear_of_a_lost_lease_and_of_a_request_to_cancel() -> None:
    store = await memory()
    leases = Leases(store, 3_000)
    mine, lost, unwanted = await held(store), await held(store), await held(store)
    lost.lease = type(lost.lease)(**{**_fields(lost.lease), "token": "another's"})
    for run in (mine, lost, unwanted):
        leases.add(run)
    await store.run(Move((JobRef("q", unwanted.lease.id),), "cancel", failure=Failure("no", "cancelled")))
    leases.start()
    await asyncio.sleep(0.1)
    await leases.stop()
    assert (mine.why, lost.why, unwanted.why) == (None, "lease-lost", "cancelled")


def _fields(lease: Any) -> dict[str, Any]:
    return {name: getattr(lease, name) for name in lease.__struct_fields__}


@simulated
async def test_a_job_that_is_claimed_again_takes_the_place_of_its_older_run() -> None:
    store = await memory()
    leases = Leases(store, 3_000)
    older = await held(store)
    newer = Run(older.lease, store, Home())
    leases.add(older)
    leases.add(newer)
    assert older.why == "lease-lost"
    leases.drop(older)
    assert leases.runs() == [newer]


@simulated
async def test_the_lease_of_a_run_that_crashed_ends_at_once() -> None:
    store = await memory()
    leases = Leases(store, 600_000)
    run = await held(store)
    leases.add(run)
    leases.start()
    await asyncio.sleep(1)
    run.why = "crashed"
    leases.lose(run)
    await asyncio.sleep(1)
    assert len(leases) == 0
    assert await store.run(Recover()) == Recovered((JobRef("q", run.lease.id),))
    await leases.stop()


class Aside:
    """A store with a way to run commands from any thread."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self.renewed = threading.Semaphore(0)
        self.threads: set[str] = set()
        self.faults = 0

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def run(self, *commands: Command[Any]) -> Any:
        return await self.inner.run(*commands)

    async def wait(self, topics: Any, timeout_ms: int) -> frozenset[str]:
        return await self.inner.wait(topics, timeout_ms)

    def run_blocking(self, *commands: Command[Any]) -> Renewed:
        self.threads.add(threading.current_thread().name)
        if self.faults:
            self.faults -= 1
            raise Unavailable(problem="a test says so")
        self.renewed.release()
        (command,) = commands
        assert isinstance(command, Renew)
        return Renewed(lost=tuple(JobRef(hold.queue, hold.id) for hold in command.leases if hold.token == "lost"))


def test_a_blocked_loop_does_not_stop_renewals_where_the_store_can_be_asked_from_a_thread() -> None:
    async def check() -> None:
        store = Aside(await memory())
        leases = Leases(store, 150)
        leases.add(await held(store))
        leases.start()
        await asyncio.to_thread(store.renewed.acquire)
        deadline = time.monotonic() + 10
        for _ in range(5):  # the loop is blocked here
            assert store.renewed.acquire(timeout=deadline - time.monotonic())
        await leases.stop()
        assert store.threads == {"headrace-leases"}

    asyncio.run(check())


def test_the_thread_survives_errors_tells_the_loop_and_can_be_poked() -> None:
    async def check() -> None:
        store = Aside(await memory())
        store.faults = 2
        leases = Leases(store, 600_000)
        run = await held(store, "lost")
        leases.add(run)
        leases.start()
        while run.why is None:
            await asyncio.sleep(0)
        assert run.why == "lease-lost"
        while store.renewed.acquire(blocking=False):
            pass
        leases.poke()
        assert await asyncio.to_thread(store.renewed.acquire, True, 5)
        await leases.stop()
        await leases.stop()

    asyncio.run(check())


def test_a_thread_that_is_stopped_before_it_has_begun_ends_at_once() -> None:
    async def check() -> None:
        store = Aside(await memory())
        for _ in range(20):
            leases = Leases(store, 600_000)
            leases.start()
            async with asyncio.timeout(STOP_MAX_S / 2):
                await leases.stop()

    asyncio.run(check())
