"""bull-board, a dashboard for BullMQ, over HTTP: it shows our queues and acts on them."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from headrace.core.commands import Configure
from tests.conformance.audit import assert_consistent
from tests.conformance.desk import Desk, child, done, failed, new, parent, ref
from tests.interop.node import BOARD, CannotRun, installed, running

HOUR: Final = 3_600_000
Board: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def packages() -> Path:
    try:
        return installed(*BOARD)
    except CannotRun as reason:
        pytest.skip(str(reason))


@pytest.fixture
async def board(packages: Path, valkey_url: str, prefix: str) -> AsyncIterator[Board]:
    """What asks a board of the queues q and r, by a method and a path."""
    async with running(packages, valkey_url, prefix, Path(__file__).with_name("board.cjs")) as node:
        port = await node("open", "q", "r")

        def ask(method: str, path: str, body: object) -> Any:
            url = f"http://127.0.0.1:{port}/api{path}"
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
            with urllib.request.urlopen(request, timeout=10) as reply:
                text = reply.read()
            return json.loads(text) if text else None

        async def board(method: str, path: str, body: object = None) -> Any:
            return await asyncio.to_thread(ask, method, path, body)

        yield board


async def everywhere(desk: Desk) -> None:
    await desk.add(new(), new(data='{"n":1}'), new(priority=3), new(delay_ms=HOUR), new(delay_ms=HOUR, priority=2))
    first, second = await desk.claim(limit=2)
    await desk.annotate(ref("1"), progress="50", lines=("one", "two"))
    await desk.settle(done(first, '{"ok":true}'))
    await desk.settle(failed(second, "no"))
    await desk.add(parent("p"), child("p", queue="r", id="c"))


async def shown(board: Board, state: str) -> list[str]:
    found = await board("GET", f"/queues?activeQueue=q&status={state}")
    return [job["id"] for job in found["queues"][0]["jobs"]]


async def test_the_list_of_queues_with_their_counts(board: Board, desk: Desk) -> None:
    await everywhere(desk)
    await desk.run(Configure("r", is_paused=True, concurrency=4))
    q, r = (await board("GET", "/queues"))["queues"]
    assert (q["name"], q["isPaused"], q["globalConcurrency"]) == ("q", False, None)
    assert q["counts"] == {
        "active": 0, "completed": 1, "delayed": 2, "failed": 1, "prioritized": 1, "waiting": 0, "waiting-children": 1,
    }  # fmt: skip
    assert (r["name"], r["isPaused"], r["globalConcurrency"], r["counts"]["waiting"]) == ("r", True, 4, 1)


async def test_the_jobs_of_each_state(board: Board, desk: Desk) -> None:
    await everywhere(desk)
    states = {
        "completed": ["1"], "failed": ["2"], "prioritized": ["3"], "delayed": ["4", "5"], "waiting-children": ["p"],
        "active": [], "waiting": [],
    }  # fmt: skip
    assert {state: sorted(await shown(board, state)) for state in states} == states


async def test_one_job_its_lines_and_its_flow(board: Board, desk: Desk) -> None:
    await everywhere(desk)
    found = await board("GET", "/queues/q/1")
    job = found["job"]
    assert (found["status"], job["name"], job["progress"], job["returnValue"]) == (
        "completed",
        "task",
        50,
        {"ok": True},
    )
    assert (job["attempts"], job["processedBy"], job["isFailed"]) == (1, "w", False)
    job = (await board("GET", "/queues/q/2"))["job"]
    assert (job["isFailed"], job["failedReason"], job["stacktrace"], job["data"]) == (True, "no", ["no"], {"n": 1})
    assert await board("GET", "/queues/q/1/logs") == ["one", "two"]
    root = (await board("GET", "/queues/q/p/flow"))["flowRoot"]
    assert (root["state"], root["dependencies"]["unprocessed"]) == ("waiting-children", 1)
    assert [(job["queueName"], job["id"], job["state"]) for job in root["children"]] == [("r", "c", "waiting")]


async def test_it_retries_promotes_changes_and_removes_our_jobs(board: Board, desk: Desk) -> None:
    await everywhere(desk)
    await board("PUT", "/queues/q/2/retry")
    await board("PUT", "/queues/q/4/promote")
    await board("PATCH", "/queues/q/3/priority", {"priority": 9})
    await board("PUT", "/queues/q/1/clean")
    assert await desk.states(ref("2"), ref("4")) == ["waiting", "waiting"]
    assert not await desk.exists(ref("1"))
    await assert_consistent(desk.store)
    assert [lease.id for lease in await desk.claim()] == ["2", "4", "3"]


async def test_it_retries_promotes_and_cleans_all_our_jobs(board: Board, desk: Desk, keys: Any, prefix: str) -> None:
    await everywhere(desk)
    long_ago = keys.zincrby(f"{prefix}:q:completed", -10_000, "1")  # it cleans what is older than five seconds
    keys.hset(f"{prefix}:q:1", "finishedOn", f"{long_ago:.0f}")
    await board("PUT", "/queues/q/retry/failed")
    await board("PUT", "/queues/q/promote")
    await board("PUT", "/queues/q/clean/completed")
    assert await desk.counts() == {"waiting": 3, "prioritized": 1, "waiting-children": 1}
    await assert_consistent(desk.store)
    assert sorted(lease.id for lease in await desk.claim()) == ["2", "3", "4", "5"]


async def test_it_pauses_adds_and_empties(board: Board, desk: Desk) -> None:
    await everywhere(desk)
    await board("PUT", "/queues/q/pause")
    await board("POST", "/queues/q/add", {"name": "theirs", "data": {"by": "hand"}, "options": {}})
    assert await desk.claim() == ()
    await board("PUT", "/queues/q/resume")
    assert [(lease.name, lease.data) for lease in await desk.claim("q", limit=1)] == [("theirs", '{"by":"hand"}')]
    await board("PUT", "/queues/q/empty")
    assert await desk.counts() == {"active": 1, "completed": 1, "failed": 1, "delayed": 2, "waiting-children": 1}
    await assert_consistent(desk.store)
