"""The app: opened at first use, closed as often as one likes, usable from any loop and any thread."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import headrace
from headrace.errors import BadConfig, BadUrl, Misuse, Unavailable


def test_nothing_is_opened_before_first_use(tmp_path: Path) -> None:
    app = headrace.App(f"sqlite:///{tmp_path}/headrace.db")

    @app.task
    def work() -> None: ...

    app.queue("dns").call("any")
    work.call()
    assert not list(tmp_path.iterdir())
    work.enqueue.sync()
    assert (tmp_path / "headrace.db").exists()
    app.close.sync()


@pytest.mark.parametrize("url", ["nowhere", "ftp://host/db", "sqlite://", "memory://somewhere", "mysql://u:p@host/db"])
def test_a_url_that_leads_nowhere_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        headrace.App(url)
    assert ":p@" not in str(caught.value)


def test_wrong_settings_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_LEESE", "5s")
    with pytest.raises(BadConfig, match="did you mean lease"):
        headrace.App("memory://")


def test_arguments_stand_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("HEADRACE_LEASE", "44s")
    app = headrace.App("memory://", settings={"poll": "2s"})
    assert (app.settings.url, app.settings.lease, app.settings.poll) == ("memory://", 44.0, 2.0)


async def test_opening_and_closing_twice_does_no_harm(app: headrace.App) -> None:
    await app.open()
    await app.open()
    job = await app.queue("q").add("x")
    await app.close()
    await app.close()
    if app.settings.url != "memory://":
        assert await job.state() == "waiting"


async def test_many_first_users_open_one_store(tmp_path: Path) -> None:
    app = headrace.App(f"sqlite:///{tmp_path}/headrace.db")
    jobs = await asyncio.gather(*(app.queue("q").add("x", n) for n in range(50)))
    assert len({job.id for job in jobs}) == 50
    await app.close()


async def test_the_same_call_twice_is_two_jobs(app: headrace.App) -> None:
    call = app.queue("q").call("x")
    assert (await app.enqueue(call)).id != (await app.enqueue(call)).id


async def test_many_calls_are_added_together_or_not_at_all(app: headrace.App) -> None:
    queue = app.queue("q")
    jobs = await app.enqueue_many(queue.call("x", n) for n in range(5))
    assert [(await job.refresh()).data for job in jobs] == ["0", "1", "2", "3", "4"]
    taken = queue.call("x").options(job_id="taken")
    await app.enqueue(taken)
    flow = queue.call("parent").after(taken)
    with pytest.raises(headrace.errors.DuplicateId):
        await app.enqueue_many([queue.call("x"), flow])
    assert (await queue.counts())["waiting"] == 6
    assert await app.enqueue_many([]) == []


async def test_flows_and_single_calls_go_together_and_come_back_in_order(app: headrace.App) -> None:
    queue = app.queue("q")
    flow = queue.call("root").after(queue.call("leaf"), queue.call("leaf"))
    jobs = await app.enqueue_many([queue.call("first"), flow, queue.call("last")])
    assert [job.name for job in jobs] == ["first", "root", "last"]
    assert [(await job.refresh()).name for job in jobs] == ["first", "root", "last"]


async def test_too_many_calls_for_one_round_trip_are_refused(app: headrace.App) -> None:
    call = app.queue("q").call("x")
    with pytest.raises(Misuse, match="10000"):
        await app.enqueue_many([call] * 10_001)
    assert await app.queues() == []


async def test_what_is_no_call_is_refused_with_a_hint(app: headrace.App) -> None:
    @app.task
    def work() -> None: ...

    with pytest.raises(Misuse, match=r"task\.call\(…\)"):
        await app.enqueue(work)  # type: ignore[arg-type]


async def test_a_blocking_call_inside_a_running_loop_is_refused(app: headrace.App) -> None:
    with pytest.raises(Misuse, match=r"without \.sync"):
        app.queues.sync()


async def test_threads_use_the_blocking_form_while_the_loop_runs(app: headrace.App) -> None:
    job = await asyncio.to_thread(app.queue("q").add.sync, "x", {"a": 1})
    assert (await job.refresh()).data == '{"a":1}'
    assert await asyncio.to_thread(job.state.sync) == "waiting"


async def test_another_loop_is_served_too(app: headrace.App) -> None:
    found: list[headrace.Job[object]] = []

    async def elsewhere() -> None:
        found.append(await app.queue("q").add("x"))
        async for event in app.queue("q").events(after=0):
            assert isinstance(event, headrace.Event)
            break

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert await found[0].state() == "waiting"


def test_one_loop_after_another_finds_the_same_jobs(tmp_path: Path) -> None:
    for url in ("memory://", f"sqlite:///{tmp_path}/headrace.db"):
        app = headrace.App(url)
        job = asyncio.run(app.queue("q").add("x"))
        assert asyncio.run(job.state()) == "waiting"
        assert job.state.sync() == "waiting"
        app.close.sync()


def test_a_plain_with_block_opens_and_closes() -> None:
    with headrace.App("memory://") as app:
        assert app.queue("q").add.sync("x").state.sync() == "waiting"


async def test_whoever_waits_for_a_result_hears_that_the_app_is_closed(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    waiting = asyncio.create_task(job.result())
    while not app._client._watches or not app._client._watches["q"]._waiters:
        await asyncio.sleep(0)
    await app.close()
    with pytest.raises(Unavailable, match="closed"):
        await waiting
    await app.open()


async def test_every_add_carries_another_request_id(app: headrace.App) -> None:
    ids = {app._client.request_id() for _ in range(1000)}
    assert len(ids) == 1000


def test_all_public_names_are_there_and_no_others_are_made_up() -> None:
    for name in headrace.__all__:
        assert getattr(headrace, name) is not None
    assert headrace.Worker.__name__ == "Worker"
    with pytest.raises(AttributeError):
        _ = headrace.Wroker  # type: ignore[attr-defined]


def test_whoever_only_adds_jobs_loads_neither_engines_nor_terminal() -> None:
    code = "import sys, headrace; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded.isdisjoint({"apsw", "psycopg", "redis", "rich", "cyclopts", "sqlite3", "headrace.engine.pump"})


def test_a_decorator_that_forgot_its_parentheses_is_refused(app: headrace.App) -> None:
    def function(job: headrace.Job[object]) -> None: ...

    for decorator in (app.handler, app.backoff, app.on):
        with pytest.raises(headrace.errors.Misuse, match=rf"write @app.{decorator.__name__}\(…\)"):
            decorator(function)  # type: ignore[operator]
