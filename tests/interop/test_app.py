"""An app and a program in Node on one queue, as docs/howto/share-with-node.md tells; and what Node goes past."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import headrace
from tests.interop.node import Node

WAIT_S, WAIT_MS = 10, 10_000


@pytest.fixture
async def app(valkey_url: str, prefix: str, keys: Any) -> AsyncIterator[headrace.App]:
    made = headrace.App(settings=headrace.Settings(url=valkey_url, prefix=prefix))

    @made.task(queue="mail")
    async def send(to: str, copies: int = 1) -> list[str]:
        return [to] * copies

    async with made:
        yield made


async def test_the_data_that_node_adds_are_the_arguments_of_a_task(node: Node, app: headrace.App) -> None:
    added = [{"to": "ada"}, {"to": "eve", "copies": 2}, {}, {"to": "ada", "cc": "eve"}, None]
    ids = await node("add", "mail", [["send", data, {}] for data in added])
    async with app.worker() as worker:
        await worker.run_until_idle()
    ends = [await (await app.get("mail", job_id)).refresh() for job_id in ids]
    assert [record.state for record in ends] == ["completed", "completed", "failed", "failed", "failed"]
    assert {record.failure.cause for record in ends if record.failure} == {"invalid-data"}
    assert (await node("job", "mail", ids[1]))["returnvalue"] == ["eve", "eve"]
    assert "cc" in (await node("job", "mail", ids[3]))["failedReason"]


async def test_the_arguments_of_a_task_are_data_to_node_and_what_it_returns_is_the_result(
    node: Node, app: headrace.App
) -> None:
    job = await app.queue("post").add("stamp", {"to": "ada"})
    task = await app.tasks["send"].enqueue("eve", copies=3)
    assert (await node("job", "mail", task.id))["data"] == {"to": "eve", "copies": 3}
    await node("work", "post", {})
    assert await job.result(timeout=WAIT_S) == {"data": {"to": "ada"}, "made": 0, "started": 1}


async def test_node_adds_past_the_bound_of_waiting_jobs(node: Node, app: headrace.App) -> None:
    queue = app.queue("mail")
    await queue.limit(max_waiting=1)
    await queue.add("send", {"to": "ada"})
    with pytest.raises(headrace.errors.QueueFull):
        await queue.add("send", {"to": "eve"})
    await node("add", "mail", [["send", {"to": "eve"}, {}]])
    assert (await queue.counts())["waiting"] == 2


async def test_node_runs_what_has_expired(node: Node, app: headrace.App) -> None:
    job = await app.queue("post").add("stamp", {}, expires=0.001)
    await asyncio.sleep(0.01)
    await node("work", "post", {})
    assert await node("ended", 1, WAIT_MS) == [["post", job.id, "completed"]]


async def test_a_job_that_runs_in_node_is_not_stopped_by_a_cancel(node: Node, app: headrace.App) -> None:
    job = await app.queue("post").add("stamp", {})
    assert await node("take", "post", "t", 30_000) == job.id
    await job.cancel()
    await node("complete", "post", job.id, "t")
    assert await job.state() == "completed"


async def test_node_looks_at_no_type_and_adds_any_name(node: Node, app: headrace.App) -> None:
    (job_id,) = await node("add", "mail", [["sned", {"to": 5}, {}]])
    async with app.worker() as worker:
        await worker.run_until_idle()
        async with asyncio.timeout(20):
            while not await app.workers.list():  # its first beat is not awaited by anybody else
                pass
        (first, *_) = await (await app.get("mail", job_id)).why()
    assert "sned" in first
