"""A whole flow in a user's hands: cancelled while a part of it runs, and what has failed of it run again."""

import asyncio

import pytest

import headrace
from headrace.errors import InvalidOption, JobFailed, WrongState


async def test_a_running_member_is_told_to_stop_and_the_others_never_begin() -> None:
    app = headrace.App("memory://")
    begun = asyncio.Event()
    stopped: list[str] = []

    @app.task
    async def poll() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("poll")

    @app.task
    async def never() -> None:
        stopped.append("never")

    job = await app.enqueue(never.call().after(never.call().after(poll.call())))
    async with app, app.worker() as worker:
        await begun.wait()
        assert not await job.cancel("the customer has left", children=True)
        await worker.run_until_idle()
        nodes = (await app.tree(job)).nodes
    failures = [node.record and node.record.failure for node in nodes]
    assert [why and (why.cause, why.reason) for why in failures] == [("cancelled", "the customer has left")] * 3
    assert stopped == ["poll"]


async def test_only_what_has_failed_runs_again() -> None:
    app = headrace.App("memory://")
    runs: list[str] = []
    is_broken = True

    @app.task
    async def step(name: str) -> str:
        runs.append(name)
        if name == "dns" and is_broken:
            raise headrace.Unrecoverable("no route")
        return name

    tree = step.call("root").after(step.call("db"), step.call("check").after(step.call("dns")))
    async with app:
        job = await app.enqueue(tree)
        async with app.worker():
            with pytest.raises(JobFailed):
                await job.result(timeout=10)
            assert sorted(runs) == ["db", "dns"]
            is_broken = False
            await job.retry(children=True)
            assert await job.result(timeout=10) == "root"
        assert runs[2:] == ["dns", "check", "root"]
        with pytest.raises(WrongState):
            await job.retry(children=True)
        with pytest.raises(WrongState):
            await job.cancel(children=True)


async def test_the_others_are_called_off_when_one_has_failed() -> None:
    app = headrace.App("memory://")
    begun = asyncio.Event()
    stopped: list[str] = []

    @app.task
    async def dns() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("dns")

    @app.task
    async def database() -> None:
        await begun.wait()
        raise headrace.Unrecoverable("no space")

    @app.task
    async def site() -> None:
        stopped.append("site")

    call = site.call().after(dns.call(), on_sibling_failure="cancel").after(database.call())
    async with app, app.worker() as worker:
        job = await app.enqueue(call)
        with pytest.raises(JobFailed):
            await job.result(timeout=10)
        await worker.run_until_idle()
        children = await job.children()
    assert [child.record and child.record.failure and child.record.failure.cause for child in children] == [
        "cancelled",
        "unrecoverable",
    ]
    assert stopped == ["dns"]


async def test_what_becomes_of_siblings_is_one_of_two_words() -> None:
    app = headrace.App("memory://")

    @app.task
    async def step() -> None: ...

    with pytest.raises(InvalidOption, match="it is run or cancel"):
        step.call().after(step.call(), on_sibling_failure="stop")  # type: ignore[arg-type]
