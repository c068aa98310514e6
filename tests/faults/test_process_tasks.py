"""Tasks in processes of their own: what crosses to them, what bounds them, and what their death does to others."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core.commands import Remove, Tree
from headrace.core.jobs import STATES
from headrace.errors import InvalidOption, JobFailed, NotImportable
from headrace.executors.protocol import Ended
from headrace.storage import open as open_store
from tests.engine.workshop import Watched
from tests.faults import pressroom
from tests.faults.pressroom import app


@pytest.fixture(autouse=True)
async def emptied() -> AsyncIterator[None]:
    async with app:
        yield
        for queue in await app.queues():
            await app.storage.run(Remove(queue=queue.name, states=STATES))


async def done(call: headrace.Call[Any], concurrency: int = 4) -> headrace.Job[Any]:
    """The job of this call, finished."""
    job = await app.enqueue(call)
    async with asyncio.timeout(30):
        await app.worker("default", concurrency=concurrency).run_until_idle()
    await job.refresh()
    return job


async def failure(job: headrace.Job[Any]) -> headrace.Failure:
    record = await job.refresh()
    assert record.failure is not None, record
    return record.failure


def is_alive(pid: int) -> bool:
    """Whether it runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def pids(folder: Path, count: int = 1) -> list[int]:
    """The processes that a job has named, once it has."""
    path, end = folder / "pids", time.monotonic() + 10
    while not (path.exists() and len(found := path.read_text().split()) == count):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    return [int(pid) for pid in found]


async def gone(*children: int, within_s: float = 5) -> None:
    end = time.monotonic() + within_s
    while any(map(is_alive, children)):
        assert time.monotonic() < end, "a process is left over"
        await asyncio.sleep(0.01)


async def test_jobs_one_after_the_other_share_a_warm_child() -> None:
    jobs = [await pressroom.where.enqueue(number) for number in range(5)] + [await pressroom.where_async.enqueue()]
    await app.worker("default", concurrency=1).run_until_idle()
    *plain, other = [await job.result() for job in jobs]
    assert [number for number, _ in plain] == list(range(5))
    assert {pid for _, pid in plain} == {other} != {os.getpid()}
    await gone(other)


async def test_jobs_at_once_have_a_child_each() -> None:
    async with app.worker("default", concurrency=2):
        jobs = [await pressroom.where.enqueue(number) for number in range(20)]
        assert len({(await job.result(timeout=10))[1] for job in jobs}) <= 2


async def test_what_a_handler_says_reaches_the_job_and_what_it_prints_the_worker(
    capfd: pytest.CaptureFixture[str],
) -> None:
    job = await done(pressroom.tell.call("hello"))
    assert await job.result() == 3
    assert await job.progress() == {"done": 3}
    assert await job.logs() == ["tell hello"] * 3
    first, second = (await job.refresh()).failures
    assert (first.kind, first.reason, second.attempt) == ("ConnectionError", "attempt 1", 2)
    assert "pressroom.py" in first.trace
    assert "headrace/engine" not in first.trace
    printed = capfd.readouterr()
    assert "printed hello" in printed.out
    assert "complained hello" in printed.err


async def test_an_async_handler_speaks_too() -> None:
    assert await (await done(pressroom.tell_async.call("hi"))).logs() == ["hi"]


async def test_a_parent_reads_what_its_children_returned() -> None:
    call = pressroom.total.call().after(pressroom.leaf.call(3), pressroom.leaf.call(4))
    assert await (await done(call)).result() == 7


async def test_an_argument_from_a_child_is_read_once_and_a_missing_one_fails_the_job() -> None:
    await app.close()
    watched = Watched(open_store("memory://"))
    before = app.use_store(lambda: watched)
    try:
        assert await (await done(pressroom.doubled.call().after(pressroom.leaf.call(3)))).result() == 6
        assert sum(isinstance(command, Tree) for command in chain.from_iterable(watched.calls)) == 1
        failing = pressroom.doubled.call().after(pressroom.leaf.call(-1), if_failed="ignore")
        assert (await failure(await done(failing))).cause == "invalid-data"
    finally:
        await app.close()
        app.use_store(before)


async def test_a_job_added_from_a_child_is_in_the_workers_store() -> None:
    job = await done(pressroom.add_leaf.call(5))
    queue, _, job_id = (await job.result()).partition("/")
    assert await (await app.get(queue, job_id)).result() == 5


async def test_a_child_hears_in_time_of_the_result_that_it_waits_for() -> None:
    async with app.worker("default", concurrency=2):
        assert await (await pressroom.wait_for_leaf.enqueue(5)).result(timeout=10) == 5


async def test_a_parent_in_a_child_process_adds_children_and_runs_again_when_they_are_done() -> None:
    job = await done(pressroom.spread.call(3))
    assert await job.result() == [0, 1, 2]
    assert ((await job.refresh()).attempts_started, (await job.refresh()).attempts_made) == (2, 1)


@pytest.mark.parametrize("how", ["close", "replace", "break"])
async def test_a_job_ends_also_when_what_it_printed_cannot_be_let_out(how: str) -> None:
    job = await pressroom.spoil.enqueue(how)
    async with app.worker("default", concurrency=1):
        assert await job.result(timeout=10) == how


@pytest.mark.parametrize(
    ("what", "state", "attempts", "cause"),
    [("later", "delayed", 0, None), ("final", "failed", 1, "unrecoverable"), ("exit", "failed", 5, "error")],
)
async def test_what_a_handler_raises_means_what_it_means_elsewhere(
    what: str, state: str, attempts: int, cause: str | None
) -> None:
    job = await done(pressroom.raises.call(what))
    record = await job.refresh()
    assert (record.state, record.attempts_made) == (state, attempts)
    assert (record.failure.cause if record.failure else None) == cause


async def test_data_that_do_not_fit_fail_without_a_run() -> None:
    job = await app.queue("default").add("where", {"number": "many"})
    await app.worker("default", concurrency=1).run_until_idle()
    assert (await failure(job)).cause == "invalid-data"


async def test_middleware_wraps_the_run_in_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    async def around(context: headrace.Context, proceed: Callable[[], Awaitable[Any]]) -> Any:
        try:
            told.append(await proceed())
        except Ended as error:
            told.append(str(error))
            raise
        return [os.getpid(), *told[-1]]

    monkeypatch.setattr(app, "_middleware", [around])
    record = await (await done(pressroom.where.call(7))).refresh()
    assert record.result == f"[{os.getpid()},7,{told[0][1]}]"
    assert (await failure(await done(pressroom.raises.call("final")))).reason == "no"
    assert told[1] == "Unrecoverable: no"


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGKILL", "exit"])
async def test_a_child_that_crashes_is_a_stall_and_harms_no_other_job(how: str) -> None:
    async with app.worker("default", concurrency=3):
        pill = await pressroom.crash.enqueue(how)
        others = [await pressroom.where.enqueue(number) for number in range(50)]
        assert [(await job.result(timeout=10))[0] for job in others] == list(range(50))
        with pytest.raises(JobFailed):
            await pill.result(timeout=20)
    record = await pill.refresh()
    assert (record.stalls, record.attempts_started, record.failures) == (2, 3, ())
    assert (await failure(pill)).cause == "stalled"


async def test_a_child_is_replaced_after_so_many_jobs() -> None:
    jobs = [await pressroom.twice.enqueue() for _ in range(4)]
    alone = [await pressroom.once.enqueue() for _ in range(2)]
    await app.worker("default", concurrency=1).run_until_idle()
    first, second, third, fourth = [await job.result() for job in jobs]
    assert first == second != third == fourth
    assert len({await job.result() for job in alone} | {first, third}) == 4


async def test_a_job_that_uses_too_much_memory_fails_and_is_named() -> None:
    why = await failure(await done(pressroom.eat.call(1000)))
    assert (why.kind, why.cause) == ("MemoryError", "error")
    assert "memory_max=209715200" in why.reason


async def test_a_child_that_keeps_memory_is_replaced_before_it_harms_a_job() -> None:
    jobs = [await pressroom.eat.enqueue(80, keep=keep) for keep in (False, True, False)]
    await app.worker("default", concurrency=1).run_until_idle()
    first, second, third = [await job.result() for job in jobs]
    assert first == second != third


@pytest.mark.parametrize("task", [pressroom.deaf, pressroom.hog], ids=["deaf", "hog"])
async def test_a_job_that_does_not_stop_in_time_is_killed_with_all_it_started(
    task: headrace.Task[[str], None], tmp_path: Path
) -> None:
    call = task.call(str(tmp_path)).options(timeout=0.4)
    async with app.worker("default", concurrency=1):
        job = await app.enqueue(call)
        started = await pids(tmp_path, 2)
        with pytest.raises(JobFailed, match=r"not done within 0\.4 s"):
            await job.result(timeout=10)
        await gone(*started)
        assert await (await pressroom.where.enqueue(1)).result(timeout=10) != started[0]


@pytest.mark.parametrize("task", [pressroom.polite, pressroom.polite_async], ids=["plain", "async"])
async def test_a_job_that_stops_when_it_is_cancelled_keeps_its_child(
    task: headrace.Task[[str], Any], tmp_path: Path
) -> None:
    async with app.worker("default", concurrency=1):
        job = await task.enqueue(str(tmp_path))
        (pid,) = await pids(tmp_path)
        await job.cancel()
        with pytest.raises(JobFailed):
            await job.result(timeout=4)
        assert (await failure(job)).cause == "cancelled"
        assert (await (await pressroom.where.enqueue(1)).result(timeout=10))[1] == pid


async def test_a_job_that_is_handed_back_is_dead_before_another_worker_can_have_it(tmp_path: Path) -> None:
    worker = app.worker("default", concurrency=1)
    await worker.start()
    job = await pressroom.deaf.enqueue(str(tmp_path))
    started = await pids(tmp_path, 2)
    await worker.hand_back()
    assert not any(map(is_alive, started))
    record = await job.refresh()
    assert (record.state, record.attempts_made, record.stalls) == ("waiting", 0, 0)
    await worker.close()


async def test_a_catch_all_runs_in_processes_of_its_own_within_its_limits() -> None:
    crates = app.queue("crates")
    jobs = [await crates.add(f"crate-{number}", {"n": number}) for number in range(3)]
    await app.worker("crates", concurrency=1).run_until_idle()
    results = [await job.result() for job in jobs]
    assert [tuple(result[:2]) for result in results] == [(f"crate-{number}", {"n": number}) for number in range(3)]
    assert os.getpid() != results[0][2] == results[1][2] != results[2][2]
    assert await jobs[0].logs() == ["opened"]
    stuck = await crates.add("stuck", {}, timeout=0.2)
    async with asyncio.timeout(10):
        await app.worker("crates", concurrency=1).run_until_idle()
    assert (await failure(stuck)).cause == "timeout"


async def test_a_catch_all_that_the_child_does_not_have_stops_the_worker(capfd: pytest.CaptureFixture[str]) -> None:
    worker = app.worker("crates")
    processes = worker._processes
    assert processes is not None
    setup = processes._setup
    processes._setup = type(setup)(setup.path, setup.modules, setup.app, (("no_such_queue", None),))
    with pytest.raises(NotImportable, match="ended with code 1 before it was ready"):
        await worker.start()
    assert "no handler for jobs of no_such_queue" in capfd.readouterr().err


def test_a_catch_all_is_checked_like_a_task() -> None:
    handler: Any = headrace.App("memory://").handler

    def local(job: headrace.Job[Any]) -> None: ...

    with pytest.raises(NotImportable, match=r"'local' cannot run in a process of its own: .* made inside a function"):
        handler("crates", executor="process")(local)
    with pytest.raises(InvalidOption, match='recycle is for tasks with executor="process"'):
        handler("crates", recycle=5)(pressroom.any_crate)
    with pytest.raises(InvalidOption, match="did you mean executor"):
        handler("crates", exekutor="process")(pressroom.any_crate)


async def test_a_catch_all_of_an_app_without_a_name_is_refused_by_its_worker() -> None:
    nameless = headrace.App("memory://")
    nameless.handler("crates", executor="process")(pressroom.any_crate)
    with pytest.raises(NotImportable, match=r"'any_crate' cannot run .*: its app has no name at the top of a module"):
        nameless.worker()


async def test_a_task_of_the_main_module_is_refused_by_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressroom.where.function, "__module__", "__main__")
    with pytest.raises(NotImportable, match="'where' cannot run in a process of its own: it is defined in __main__"):
        app.worker()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"recycle": 0}, "recycle is 0; it lies between 1 and"),
        ({"memory_max": 1024}, "memory_max is 1024; it lies between 67108864 and"),
        ({"kill_after": 7200}, "kill_after is 7200 s; it lies between 0 and 3600 s"),
        ({"memory_max": "1G"}, "memory_max is str; it is a whole number"),
    ],
)
def test_a_limit_out_of_bounds_is_refused_with_its_bounds(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        headrace.App("memory://").task(executor="process", **options)(pressroom.where.function)


async def test_an_app_without_a_name_is_refused_by_its_worker() -> None:
    nameless = headrace.App("memory://")
    nameless.task(executor="process")(pressroom.where.function)
    with pytest.raises(NotImportable, match="its app has no name at the top of a module"):
        nameless.worker()


async def test_a_worker_whose_child_cannot_load_the_app_does_not_start(
    capfd: pytest.CaptureFixture[str],
) -> None:
    worker = app.worker()
    processes = worker._processes
    assert processes is not None
    processes._setup = type(processes._setup)(processes._setup.path, ("no_such_module",), "no_such_module:app")
    with pytest.raises(NotImportable, match="the child process ended with code 1 before it was ready"):
        await worker.start()
    assert "No module named 'no_such_module'" in capfd.readouterr().err


async def test_a_crash_is_told_with_its_signal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "headrace"):
        async with app.worker("default", concurrency=1):
            job = await app.enqueue(pressroom.crash.call("SIGSEGV").options(max_stalled=0))
            with pytest.raises(JobFailed):
                await job.result(timeout=10)
    assert "was killed by SIGSEGV" in caplog.text
