"""In whatever way a child ends, its parent goes on or says what it waits for: every ending under every policy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

import headrace
from headrace.core.commands import Claim, Recover, Renew, Source
from headrace.core.commands.jobs import Hold
from headrace.core.errors import NoSuchJob
from headrace.core.flow_errors import InFlow
from headrace.core.jobs import POLICIES, Policy

FAILS: Final = ("failed", "cancelled", "cancelled running", "timed out", "stalled too often")
FAILS_AND_GOES: Final = ("not kept", "cleaned")
GOES: Final = ("removed", "selected", "drained", "drained delayed", "obliterated", "obliterated running")
COMPLETES: Final = ("completed", "completed and not kept", "to be moved")


class Scene:
    """A root in the queue `up` with one child in the queue `down`."""

    def __init__(self, app: headrace.App) -> None:
        self.app = app
        self.runs: list[str] = []
        self.begun, self.go = asyncio.Event(), asyncio.Event()

        @app.task(queue="up")
        async def root() -> None:
            self.runs.append("root")

        @app.task(queue="down", max_stalled=0)
        async def leaf(how: str) -> None:
            self.begun.set()
            if how in ("cancelled running", "timed out", "obliterated running"):
                await self.go.wait()
            if how in ("failed", "not kept", "cleaned"):
                raise headrace.Unrecoverable("no")

        self.root, self.leaf = root, leaf

    async def add(self, how: str, policy: Policy) -> tuple[headrace.Job[Any], headrace.Job[Any]]:
        options: dict[str, dict[str, Any]] = {
            "timed out": {"timeout": 0.01},
            "not kept": {"keep_failed": headrace.Keep(count=0)},
            "completed and not kept": {"keep_completed": headrace.Keep(count=0)},
            "drained delayed": {"delay": 3600},
        }
        call = self.leaf.call(how).options(**options.get(how, {}))
        tree = await self.app.enqueue(self.root.call().after(call, if_failed=policy))
        (node,) = await tree.children()
        return tree, await self.app.get(node.job.queue, node.job.id)

    async def work(self, queue: str) -> None:
        async with asyncio.timeout(10):
            await self.app.worker(queue).run_until_idle()

    async def end(self, how: str, child: headrace.Job[Any]) -> None:
        queue = self.app.queue("down")
        meanwhile: dict[str, Callable[[], Awaitable[Any]]] = {
            "cancelled running": child.cancel,
            "obliterated running": lambda: queue.obliterate(force=True),
        }
        instead: dict[str, Callable[[], Awaitable[Any]]] = {
            "cancelled": child.cancel,
            "removed": child.remove,
            "selected": lambda: queue.select("waiting name:leaf").remove(),
            "drained": queue.drain,
            "drained delayed": lambda: queue.drain(delayed=True),
            "obliterated": queue.obliterate,
            "stalled too often": lambda: self.stall(child),
        }
        if how in meanwhile:
            async with asyncio.timeout(10), self.app.worker("down"):
                await self.begun.wait()
                await meanwhile[how]()
                if how == "obliterated running":
                    self.go.set()  # who was told to stop needs no leave
            return
        if how in instead:
            await instead[how]()
        if how == "to be moved":
            with pytest.raises(InFlow):
                await child.move("elsewhere")
        await self.work("down")
        if how == "cleaned":
            await queue.clean("failed")

    async def stall(self, child: headrace.Job[Any]) -> None:
        (lease,) = (await self.app.storage.run(Claim((Source("down"),), 1, "t", 30_000))).leases
        await self.app.storage.run(Renew((Hold(lease.queue, lease.id, "t"),), 0))
        assert (await self.app.storage.run(Recover())).jobs == (child.ref,)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("how", [*FAILS, *FAILS_AND_GOES, *GOES, *COMPLETES])
async def test_a_parent_is_never_stuck_and_never_runs_twice(app: headrace.App, how: str, policy: Policy) -> None:
    scene = Scene(app)
    tree, child = await scene.add(how, policy)
    await scene.work("up")
    assert (await tree.state(), scene.runs) == ("waiting-children", [])
    await scene.end(how, child)
    await scene.work("up")
    if how in FAILS and policy == "wait":
        assert (await tree.state(), scene.runs) == ("waiting-children", [])
        (why,) = await tree.why()
        assert why.startswith(f"it waits for the child {child.ref} (leaf), which is failed and must be retried")
        await child.remove()
        await scene.work("up")
    if how in (*FAILS, *FAILS_AND_GOES) and policy == "fail_parent":
        record = await tree.refresh()
        assert (record.state, scene.runs) == ("failed", [])
        assert record.failure is not None
        assert (record.failure.cause, str(child.ref) in record.failure.reason) == ("child-failed", True)
    else:
        assert (await tree.state(), scene.runs) == ("completed", ["root"])
    if how in (*GOES, *FAILS_AND_GOES, "completed and not kept"):
        with pytest.raises(NoSuchJob):
            await child.state()
