"""The events of one queue, read by the other side; and waiting for a job that the other side finishes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from headrace import App
from headrace.core.commands import Configure
from headrace.core.jobs import Dedup
from headrace.core.log import Gap
from headrace.errors import JobFailed
from tests.conformance.desk import Desk, child, done, failed, new, parent, pause, ref
from tests.interop.node import Node

WAIT_MS: Final = 8_000
HOUR: Final = 3_600_000


@pytest.fixture
async def app(valkey_url: str, prefix: str, keys: Any) -> AsyncIterator[App]:
    async with App(valkey_url, prefix=prefix) as app:
        yield app


async def told(look: Node, last: str) -> list[tuple[str, dict[str, Any]]]:
    """What Node's QueueEvents told when it came to the event `last`, without our own fields."""
    await look("told", last, 1, WAIT_MS)
    return [
        (event, {name: text for name, text in fields.items() if not name.startswith("hr") and name != "delay"})
        for _, event, fields in await look("told", None, 0, 0)
        if isinstance(fields, dict)
    ]


async def test_node_hears_of_our_jobs_from_their_adds_to_their_ends(look: Node, desk: Desk) -> None:
    await look("listen", "q")
    await desk.add(new("a", attempts=2, backoff=pause(0)), new("b", priority=3))
    first, second = await desk.claim()
    await desk.annotate(ref("1"), progress='{"done":1}')
    await desk.settle(failed(first, "once"), done(second, '"b"'))
    await desk.fail(reason="twice")
    await desk.run(Configure("q", is_paused=True))
    assert await told(look, "paused") == [
        ("added", {"jobId": "1", "name": "a"}),
        ("waiting", {"jobId": "1"}),
        ("added", {"jobId": "2", "name": "b"}),
        ("waiting", {"jobId": "2"}),
        ("active", {"jobId": "1", "prev": "waiting"}),
        ("active", {"jobId": "2", "prev": "waiting"}),
        ("progress", {"jobId": "1", "data": {"done": 1}}),
        ("waiting", {"jobId": "1", "prev": "active"}),
        ("completed", {"jobId": "2", "returnvalue": "b", "prev": "active"}),
        ("active", {"jobId": "1", "prev": "waiting"}),
        ("failed", {"jobId": "1", "failedReason": "twice", "prev": "active"}),
        ("retries-exhausted", {"jobId": "1", "attemptsMade": "2"}),
        ("paused", {}),
    ]
    assert len(await look("told", "drained", 1, WAIT_MS)) == 1


async def test_node_hears_of_delays_duplicates_flows_stalls_and_removals(look: Node, desk: Desk) -> None:
    await look("listen", "q")
    await desk.add(new(id="late", delay_ms=HOUR))
    await desk.add(new(id="late"), new(id="k1", dedup=Dedup("k"), delay_ms=HOUR))
    await desk.add(new(id="k2", dedup=Dedup("k")))
    await desk.move("promote", ref("late"))
    await desk.remove(ref("late"))
    await desk.remove(queue="q", states=("delayed",))
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.finish("r")
    await desk.claim_one(lease_ms=1)
    await asyncio.sleep(0.01)
    await desk.recover()
    await desk.run(Configure("q", is_paused=True))
    await desk.run(Configure("q", is_paused=False))
    assert await told(look, "resumed") == [
        ("added", {"jobId": "late", "name": "task"}),
        ("delayed", {"jobId": "late"}),
        ("duplicated", {"jobId": "late"}),
        ("added", {"jobId": "k1", "name": "task"}),
        ("delayed", {"jobId": "k1"}),
        ("deduplicated", {"jobId": "k1", "deduplicationId": "k", "deduplicatedJobId": "k2"}),
        ("waiting", {"jobId": "late", "prev": "delayed"}),
        ("removed", {"jobId": "late", "prev": "wait"}),
        ("removed", {"jobId": "k1", "prev": "delayed"}),
        ("cleaned", {"count": "1"}),
        ("added", {"jobId": "p", "name": "p"}),
        ("waiting-children", {"jobId": "p"}),
        ("waiting", {"jobId": "p", "prev": "waiting-children"}),
        ("active", {"jobId": "p", "prev": "waiting"}),
        ("waiting", {"jobId": "p", "prev": "active"}),
        ("stalled", {"jobId": "p"}),
        ("paused", {}),
        ("resumed", {}),
    ]


async def test_node_waits_for_jobs_that_we_finish(look: Node, desk: Desk) -> None:
    await desk.add(new(id="early"), new(id="a"), new(id="b"))
    early, a, b = await desk.claim()
    await desk.settle(done(early, '"at once"'))
    for job_id in ("a", "b", "early"):
        await look("expect", "q", job_id, WAIT_MS)
    await desk.settle(done(a, '{"n":[1]}'))
    await desk.settle(failed(b, "no luck"))
    assert [await look("outcome", "q", job_id) for job_id in ("a", "b", "early")] == [
        [None, {"n": [1]}],
        ["no luck", None],
        [None, "at once"],
    ]


async def test_we_wait_for_jobs_that_node_finishes(look: Node, app: App) -> None:
    queue = app.queue("q")
    good, bad = await queue.add("good", {"n": 1}), await queue.add("fail", {"reason": "no luck"})
    waiting = [asyncio.create_task(job.result(timeout=WAIT_MS / 1000)) for job in (good, bad)]
    await look("work", "q", {})
    assert await waiting[0] == {"data": {"n": 1}}
    with pytest.raises(JobFailed, match="no luck"):
        await waiting[1]


async def test_our_event_reader_hears_of_nodes_jobs(look: Node, app: App) -> None:
    heard: list[tuple[str, str]] = []

    async def hear() -> None:
        async for event in app.queue("q").events(after=0):
            assert not isinstance(event, Gap)
            heard.append((event.job.id, event.state))
            if event.state == "removed":
                return

    reading = asyncio.create_task(hear())
    await look("queue", "q", "add", "task", {}, {"jobId": "a"})
    await look("queue", "q", "add", "task", {}, {"jobId": "b", "delay": HOUR})
    await look("job", "q", "b", "promote")
    await look("work", "q", {})
    await look("expect", "q", "b", WAIT_MS)
    await look("outcome", "q", "b")
    await look("job", "q", "b", "remove")
    async with asyncio.timeout(WAIT_MS / 1000):
        await reading
    assert [state for job_id, state in heard if job_id == "a"] == ["waiting", "active", "progress", "completed"]
    assert [state for job_id, state in heard if job_id == "b"] == [
        "delayed", "waiting", "active", "progress", "completed", "removed",
    ]  # fmt: skip
