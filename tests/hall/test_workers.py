"""Workers that are seen and told what to do from elsewhere, on each store."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from headrace import App, Settings, Worker, errors
from headrace.core import limits as core
from headrace.core import topics
from headrace.core.commands import Beat, Publish, Read, Source, WorkerRecord
from headrace.core.orders import Answer, Order
from headrace.engine.vitals import Lag
from headrace.limits import Rate

PATIENCE_S = 10.0


@asynccontextmanager
async def working(app: App, concurrency: int = 5) -> AsyncIterator[Worker]:
    """A worker that is known, with a task that runs until its gate is open."""
    async with app.worker(concurrency=concurrency) as worker, asyncio.timeout(PATIENCE_S):
        while not await app.workers.list():
            await asyncio.sleep(0.01)
        yield worker


@pytest.fixture
def gate(app: App) -> asyncio.Event:
    opened = asyncio.Event()

    @app.task(queue="mill")
    async def grind() -> str:
        await opened.wait()
        return "flour"

    return opened


async def add(app: App, count: int = 1) -> list[str]:
    return [str((await app.queue("mill").add("grind")).ref) for _ in range(count)]


async def until_running(worker: Worker, count: int) -> None:
    while worker.running != count:
        await asyncio.sleep(0.001)


async def test_a_worker_says_where_it_is_what_it_serves_and_what_it_does(app: App, gate: asyncio.Event) -> None:
    jobs = await add(app, 2)
    async with working(app) as worker:
        await until_running(worker, 2)
        said = (await app.workers.ping())[worker.id]
        assert (said.id, said.host, said.pid) == (worker.id, socket.gethostname(), os.getpid())
        assert (said.state, said.concurrency, said.running, said.processed) == ("running", 5, 2, 0)
        assert said.sources == (Source("mill", ("grind",)),)
        assert sorted(map(str, said.jobs)) == jobs
        assert said.version
        assert said.memory > 2**20
        (listed,) = await app.workers.list()
        assert (await app.workers.get(worker.id)).id == listed.id == worker.id
        gate.set()


async def test_a_paused_worker_claims_nothing_until_it_is_resumed(app: App, gate: asyncio.Event) -> None:
    gate.set()
    async with working(app) as worker:
        assert (await app.workers.pause(worker.id))[worker.id].state == "paused"
        await add(app)
        await app.workers.ping()
        assert (await app.queue("mill").counts())["waiting"] == 1
        assert await worker.run_until_idle() == 0
        assert (await app.workers.resume(worker.id))[worker.id].state == "running"
        job = await app.get("mill", "1")
        assert await job.result(timeout=PATIENCE_S) == "flour"


async def test_the_number_of_jobs_at_once_can_be_changed(app: App, gate: asyncio.Event) -> None:
    await add(app, 5)
    async with working(app, concurrency=1) as worker:
        await until_running(worker, 1)
        assert (await app.workers.set_concurrency(3, worker.id))[worker.id].concurrency == worker.concurrency == 3
        await until_running(worker, 3)
        gate.set()


async def test_the_rate_of_a_worker_can_be_changed_and_lifted(app: App, gate: asyncio.Event) -> None:
    gate.set()
    await add(app, 5)
    async with app.worker(rate=Rate(1, per=3_600)) as worker, asyncio.timeout(PATIENCE_S):
        while not await app.workers.list():
            await asyncio.sleep(0.01)
        while worker.processed != 1:
            await asyncio.sleep(0.001)
        said = await app.workers.set_rate(Rate(3, per=3_600), worker.id)
        assert said[worker.id].rate == Rate(3, per=3_600).stored()
        while worker.processed != 3:
            await asyncio.sleep(0.001)
        assert (await app.workers.set_rate(None, worker.id))[worker.id].rate is None
        while worker.processed != 5:
            await asyncio.sleep(0.001)


async def test_a_wrong_rate_is_refused_before_anybody_is_told(app: App, gate: asyncio.Event) -> None:
    with pytest.raises(errors.InvalidOption, match=r"rate is int; give headrace.Rate\(100, per=1\)"):
        app.worker(rate=5)  # type: ignore[arg-type]
    async with working(app) as worker:
        with pytest.raises(errors.InvalidOption, match="rate is int"):
            await app.workers.set_rate(5, worker.id)  # type: ignore[arg-type]
        body = msgspec.json.encode(Order("set", (worker.id,), rate=core.Rate(0, 1))).decode()
        await app.storage.run(Publish(topics.ORDERS, (body,), "key"))
        await app.workers.ping()
        said = (await app.storage.run(Read(topics.ANSWERS))).entries  # type: ignore[union-attr]
        assert "refuses: rate is 0" in said[0].body


@pytest.mark.parametrize("concurrency", [0, 10_001, True, 1.5])
async def test_a_wrong_number_is_refused_before_anybody_is_told(
    app: App, gate: asyncio.Event, concurrency: int
) -> None:
    async with working(app) as worker:
        with pytest.raises(errors.InvalidOption):
            await app.workers.set_concurrency(concurrency, worker.id)
    assert (await app.storage.run(Read(topics.ORDERS))).entries == ()  # type: ignore[union-attr]


async def test_a_drained_worker_ends_with_what_runs(app: App, gate: asyncio.Event) -> None:
    await add(app)
    async with working(app) as worker:
        await until_running(worker, 1)
        assert (await app.workers.drain(worker.id))[worker.id].running == 1
        while (await app.workers.ping())[worker.id].state != "draining":
            await asyncio.sleep(0)
        await add(app)
        gate.set()
    counts = await app.queue("mill").counts()
    assert (counts["completed"], counts["waiting"]) == (1, 1)


async def test_a_stopped_worker_hands_back_what_runs(app: App, gate: asyncio.Event) -> None:
    await add(app)
    async with asyncio.timeout(PATIENCE_S):
        worker = app.worker()
        running = asyncio.create_task(worker.run())
        await until_running(worker, 1)
        while not await app.workers.list():
            await asyncio.sleep(0.01)
        assert set(await app.workers.stop(worker.id)) == {worker.id}
        await running
    job = await app.get("mill", "1")
    assert (await job.state(), (await app.workers.list())) == ("waiting", [])


async def test_stacks_show_threads_and_tasks(app: App, gate: asyncio.Event) -> None:
    await add(app)
    async with working(app) as worker:
        await until_running(worker, 1)
        text = (await app.workers.stacks())[worker.id]
        assert "Thread MainThread:" in text
        assert "await opened.wait()" in text
        gate.set()


async def test_who_does_not_answer_is_named_with_what_the_others_said(app: App, gate: asyncio.Event) -> None:
    async with working(app) as worker:
        await app.storage.run(Beat(WorkerRecord("gone", "host", 1, (), 5), 60_000))
        with pytest.raises(errors.NoAnswer, match="no answer within 300 ms from gone") as caught:
            await app.workers.ping("gone", worker.id, timeout=0.3)
        assert caught.value.silent == ("gone",)
        answers = caught.value.fields["answers"]
        assert [said.id for said in answers.values()] == [worker.id]  # type: ignore[attr-defined]


async def test_an_order_that_a_worker_does_not_know_is_answered_with_a_problem(app: App, gate: asyncio.Event) -> None:
    async with working(app) as worker:
        for body in (
            Order("import os", (worker.id,)),
            Order("ping", ("another",)),
            {"do": 7},
            Order("set", (worker.id,)),
        ):
            await app.storage.run(Publish(topics.ORDERS, (msgspec.json.encode(body).decode(),), "key"))
        await app.workers.ping()
        said = (await app.storage.run(Read(topics.ANSWERS))).entries  # type: ignore[union-attr]
        problems = [msgspec.json.decode(entry.body, type=Answer).problem for entry in said if entry.key == "key"]
        assert problems == [
            "knows no order 'import os'; it knows ping, pause, resume, drain, stop, set, stacks",
            "refuses: there is neither a concurrency nor a rate in the order",
        ]


async def test_a_worker_is_told_nothing_that_was_said_before_it_began(app: App, gate: asyncio.Event) -> None:
    worker = app.worker()
    body = msgspec.json.encode(Order("stop", (worker.id,))).decode()
    await app.storage.run(Publish(topics.ORDERS, (body,)))
    async with worker, asyncio.timeout(PATIENCE_S):
        while not await app.workers.list():
            await asyncio.sleep(0.01)
        assert (await app.workers.ping())[worker.id].state == "running"


async def test_a_worker_is_meant_by_the_beginning_of_its_id_if_no_other_is(app: App) -> None:
    for name in ("web-1", "web-2", "mail-1"):
        await app.storage.run(Beat(WorkerRecord(name, "host", 1, (), 5), 60_000))
    assert (await app.workers.get("mail")).id == "mail-1"
    for name, message in (
        ("web", "several workers begin with 'web': web-1, web-2"),
        ("web-3", r"there is no worker 'web-3'; did you mean web-\d\?"),
        ("", "there is no worker ''; there is mail-1, web-1, web-2"),
    ):
        with pytest.raises(errors.NoSuchWorker, match=message):
            await app.workers.ping("mail-1", name)


async def test_nobody_is_told_to_stop_by_an_oversight(app: App) -> None:
    with pytest.raises(errors.Misuse, match="name the workers to stop"):
        await app.workers.stop()
    assert await app.workers.ping() == {}


async def test_a_worker_whose_loop_stands_still_is_seen_and_says_so(tmp_path: object) -> None:
    app = App(settings=Settings(url=f"sqlite:///{tmp_path}/headrace.db"))

    @app.task
    def noop() -> None: ...

    async with app, app.worker() as worker:
        async with asyncio.timeout(PATIENCE_S):
            while not await app.workers.list():
                await asyncio.sleep(0.01)
        presence = worker._presence
        presence.lag._heard = lambda: None  # type: ignore[method-assign]  # as if the loop did not come
        async with asyncio.timeout(PATIENCE_S):
            while not (seen := await app.workers.get(worker.id)).blocked_ms:
                presence.poke()
                await asyncio.sleep(0.01)
        assert seen.lag_ms >= seen.blocked_ms


def test_a_loop_is_blocked_when_it_has_not_come_at_two_looks() -> None:
    told: list[Callable[[], object]] = []
    lag = Lag()
    lag.measure(told.append)
    assert lag.blocked_ms == 0
    lag.measure(told.append)
    assert lag.blocked_ms == 0, "one look may find a process that stood still as a whole"
    while lag.ms == 0:
        lag.measure(told.append)
    assert lag.blocked_ms > 0
    (heard,) = told
    heard()
    assert (lag.blocked_ms, lag.ms > 0) == (0, True), "how late it came is remembered for a while"
