import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from headrace.core.commands import Claim, WorkerRecord, Workers
from headrace.core.errors import InvalidOption, Misuse
from headrace.core.jobs import Failure, JobRef, Keep, Lease
from headrace.engine.context import Context, current
from headrace.engine.hooks import Hooks
from headrace.engine.pump import GIVE_UP_S
from headrace.engine.registry import Registry
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted
from headrace.worker import Worker
from tests.engine.simulation import now, simulated
from tests.engine.workshop import Watched, add, get, memory, registry, run_until_idle


async def slow() -> None:
    await asyncio.sleep(10)


async def boom() -> None:
    raise ValueError("no")


async def noop() -> None:
    pass


@simulated
async def test_draining_lets_running_jobs_end_and_claims_no_more() -> None:
    store = await memory()
    refs = await add(store, "slow", "slow", "slow")
    async with Worker(store, registry(slow), concurrency=2) as worker:
        await asyncio.sleep(1)
        await worker.drain()
        assert [(await get(store, ref)).state for ref in refs] == ["completed", "completed", "waiting"]
        assert now() == pytest.approx(1_000_010, abs=0.1)


@simulated
async def test_leaving_the_block_drains_and_an_error_in_it_hands_back() -> None:
    store = await memory()
    done, back = await add(store, "slow", "slow")
    async with Worker(store, registry(slow), concurrency=1):
        await asyncio.sleep(1)
    assert (await get(store, done)).state == "completed"
    with pytest.raises(KeyError):
        await _break_off(Worker(store, registry(slow), concurrency=1))
    assert (await get(store, back)).state == "waiting"


async def _break_off(worker: Worker) -> None:
    async with worker:
        await asyncio.sleep(1)
        raise KeyError


@simulated
async def test_handing_back_is_quick_unburnt_and_at_the_front() -> None:
    store = await memory()
    first, second, third = await add(store, "slow", "slow", "slow", attempts=3)
    start = now()
    async with Worker(store, registry(slow), concurrency=2) as worker:
        await asyncio.sleep(1)
        await worker.hand_back()
        assert now() - start < 1.1
    jobs = [await get(store, ref) for ref in (first, second, third)]
    assert [(job.state, job.attempts_made, job.stalls, job.failures) for job in jobs] == [("waiting", 0, 0, ())] * 3
    reply = await store.run(Claim(registry(slow).sources(["q"]), 3, "next:1", 1_000))
    assert {lease.id for lease in granted(reply).leases[:2]} == {first.id, second.id}


@simulated
async def test_a_handler_that_does_not_stop_is_left_to_itself_and_not_recorded() -> None:
    store, ended = await memory(), asyncio.Event()

    async def stubborn() -> str:
        while True:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                continue
            break
        ended.set()
        return "late"

    (ref,) = await add(store, "stubborn")
    start = now()
    async with Worker(store, registry(stubborn)) as worker:
        await asyncio.sleep(1)
        await worker.hand_back()
        assert now() - start < 2
    await ended.wait()
    job = await get(store, ref)
    assert (job.state, job.result) == ("waiting", None)


@simulated
async def test_a_job_that_ends_well_while_it_is_handed_back_is_done() -> None:
    store = await memory()

    async def tidy() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            pass
        return "saved"

    (ref,) = await add(store, "tidy")
    async with Worker(store, registry(tidy)) as worker:
        await asyncio.sleep(1)
        await worker.hand_back()
    job = await get(store, ref)
    assert (job.state, job.result) == ("completed", '"saved"')


@simulated
async def test_cancelling_the_caller_loses_no_lease_even_one_that_is_on_its_way() -> None:
    for moment in range(12):  # whatever the claim is doing just then
        store = Watched(await memory())

        async def delay(commands: tuple[Any, ...]) -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        store.before = store.after = delay
        refs = await add(store, *["slow"] * 5)
        worker = Worker(store, registry(slow), concurrency=3)
        task = asyncio.create_task(worker.run())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [(await get(store, ref)).state for ref in refs] == ["waiting"] * 5, moment
        assert worker.running == 0


@simulated
async def test_closing_twice_does_no_harm_and_a_worker_is_used_once() -> None:
    worker = Worker(await memory(), registry(noop))
    await worker.start()
    await worker.close()
    await worker.close()
    with pytest.raises(Misuse):
        await worker.start()


@simulated
async def test_a_worker_that_was_never_started_can_be_closed() -> None:
    await Worker(await memory(), registry(noop)).close()


@simulated
async def test_closing_gives_up_on_a_store_that_stays_away(caplog: pytest.LogCaptureFixture) -> None:
    store = Watched(await memory())
    await add(store, "slow")
    worker = Worker(store, registry(slow))
    await worker.start()
    await asyncio.sleep(1)
    store.is_away = True
    start = now()
    await worker.close()
    assert now() - start < GIVE_UP_S + 1
    assert "come back when their leases end" in caplog.text


@simulated
async def test_no_task_of_a_closed_worker_is_left() -> None:
    store = await memory()
    await add(store, "noop", "boom")
    await run_until_idle(store, registry(noop, boom), hooks=Hooks(failed=(lambda *_: None,)))
    assert asyncio.all_tasks() == {asyncio.current_task()}


@simulated
async def test_hooks_hear_what_happens_and_may_break(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    async def failed(lease: Lease, failure: Failure) -> None:
        heard.append((lease.name, failure.reason))

    def broken(*_: Any) -> None:
        raise RuntimeError("a hook broke")

    store = await memory()
    await add(store, "boom", attempts=2)
    hooks = Hooks(
        failed=(broken, failed),
        started=(lambda: heard.append("started"),),
        stopped=(lambda: heard.append("stopped"),),
    )
    await run_until_idle(store, registry(boom), hooks=hooks)
    assert heard == ["started", ("boom", "no"), "stopped"]
    assert "broken failed" in caplog.text


@simulated
async def test_a_stalled_job_is_given_back_and_heard_of() -> None:
    store = await memory()
    heard: list[JobRef] = []
    (ref,) = await add(store, "noop")
    await store.run(Claim(registry(noop).sources(["q"]), 1, "dead:1", 5_000, "dead"))
    start = now()
    async with Worker(store, registry(noop), hooks=Hooks(stalled=(heard.append,))):
        while (await get(store, ref)).state != "completed":
            await asyncio.sleep(0.1)
        assert now() - start < 5 + 2
    assert heard == [ref]


@simulated
async def test_a_healthy_worker_keeps_a_job_that_takes_many_leases() -> None:
    store, runs = await memory(), []

    async def long() -> None:
        runs.append(current().attempt)
        await asyncio.sleep(100)

    (ref,) = await add(store, "long")
    async with Worker(store, registry(long), lease_ms=3_000), Worker(store, registry(long), lease_ms=3_000):
        await asyncio.sleep(101)
    job = await get(store, ref)
    assert (runs, job.state, job.stalls) == ([1], "completed", 0)


@simulated
async def test_a_worker_can_be_seen_while_it_lives() -> None:
    store = await memory()
    await add(store, "slow")
    async with Worker(store, registry(slow), name="mill", concurrency=7) as worker:
        await asyncio.sleep(6)
        (seen,) = await _workers(store)
        assert (seen.id, seen.running, seen.concurrency) == (worker.id, 1, 7)
        assert seen.id.startswith("mill-")
    assert await _workers(store) == ()


async def _workers(store: Storage) -> tuple[WorkerRecord, ...]:
    reply = await store.run(Workers())
    return granted(reply).workers


@simulated
async def test_two_workers_of_one_name_are_two() -> None:
    store = await memory()
    one, two = (Worker(store, registry(noop), name="mill") for _ in range(2))
    assert one.id != two.id


@simulated
async def test_what_cannot_work_is_said_before_anything_starts() -> None:
    store = await memory()
    with pytest.raises(Misuse, match="no task or handler is registered for mail"):
        Worker(store, registry(noop), queues=["mail"])
    with pytest.raises(Misuse, match="any queue"):
        Worker(store, Registry())
    wrong: list[dict[str, Any]] = [{"concurrency": 0}, {"lease_ms": 1}, {"poll_ms": 0}]
    for options in wrong:
        with pytest.raises(InvalidOption):
            Worker(store, registry(noop), **options)


@simulated
async def test_the_janitor_keeps_no_more_than_it_should() -> None:
    store = await memory()
    refs = await add(store, *["noop"] * 10, "boom")
    keep: dict[str, Any] = {"keep_completed": Keep(count=3), "keep_failed": Keep(age_ms=60_000)}
    async with Worker(store, registry(noop, boom), concurrency=1, **keep):
        await asyncio.sleep(45)
        left = [ref for ref in refs if await _is_there(store, ref)]
        assert left == refs[7:]
        await asyncio.sleep(60)
        assert not await _is_there(store, refs[-1])


async def _is_there(store: Any, ref: JobRef) -> bool:
    try:
        await get(store, ref)
    except AssertionError:
        return False
    return True


def run_with_signals(test: Callable[[Worker, Any, threading.Event], Any], function: Callable[..., Any]) -> Any:
    async def check() -> Any:
        store = open_store("memory://")
        await store.open()
        return await test(
            Worker(store, registry(function, executor="thread" if function.__name__ == "plain" else "inline")),
            store,
            threading.Event(),
        )

    return asyncio.run(check())


def test_a_first_signal_drains_a_second_hands_back_and_a_third_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    async def check(worker: Worker, store: Any, _: threading.Event) -> None:
        (ref,) = await add(store, "endless")
        run = asyncio.create_task(worker.run())
        await started.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not run.done()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        await run
        job = await get(store, ref)
        assert (job.state, job.attempts_made) == ("waiting", 0)

    before = signal.getsignal(signal.SIGTERM)
    with caplog.at_level(logging.INFO, "headrace"):
        run_with_signals(check, endless)
    assert signal.getsignal(signal.SIGTERM) == before
    assert len([record for record in caplog.records if record.message.startswith("stopping")]) == 2


def test_a_thread_is_told_and_its_job_handed_back_without_waiting_for_it() -> None:
    go, told, contexts = threading.Event(), threading.Event(), list[Context]()

    def plain() -> str:
        context = current()
        contexts.append(context)
        told.set()
        assert go.wait(10)
        return "late"

    async def check(worker: Worker, store: Any, _: threading.Event) -> None:
        (ref,) = await add(store, "plain")
        await worker.start()
        await asyncio.to_thread(told.wait)
        await worker.hand_back()
        assert contexts[0].cancelled
        assert worker.stray_threads == 1
        go.set()
        while worker.stray_threads:
            await asyncio.sleep(0)
        job = await get(store, ref)
        assert (job.state, job.attempts_made, job.result) == ("waiting", 0, None)
        await worker.close()

    run_with_signals(check, plain)


def test_a_thread_that_times_out_fails_its_job_and_its_late_result_is_dropped() -> None:
    go, contexts = threading.Event(), list[Context]()

    def plain() -> str:
        contexts.append(current())
        assert go.wait(10)
        return "late"

    async def check(worker: Worker, store: Any, _: threading.Event) -> None:
        (ref,) = await add(store, "plain", timeout_ms=400)  # long enough for the thread to begin
        await worker.run_until_idle()
        job = await get(store, ref)
        assert job.failure is not None
        assert (job.state, job.failure.cause, job.result) == ("failed", "timeout", None)
        assert contexts[0].cancelled
        go.set()

    run_with_signals(check, plain)
