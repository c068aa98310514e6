"""Whatever becomes of the jobs of a flow: no parent runs early or twice, and none is stuck."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace import storage
from headrace.core.jobs import FINISHED, POLICIES, JobRef, Keep, Lease, NewJob, Options, Parent
from headrace.core.log import Change
from tests.conformance.audit import assert_consistent
from tests.conformance.clock import FrozenClock
from tests.conformance.conftest import ENGINES, url_of
from tests.conformance.desk import Desk, deferred, done, failed

QUEUE = "q"
NODES_MAX = 12
STEPS_MAX = 200
ENDS = (
    "done",
    "done",
    "done",
    "failed",
    "failed",
    "tried again",
    "stalled",
    "cancelled",
    "removed",
    "cancelled running",
)

trees = st.lists(
    st.tuples(st.integers(0, NODES_MAX), st.sampled_from(POLICIES), st.sampled_from((None, None, Keep(0)))),
    min_size=1,
    max_size=NODES_MAX,
)
ends = st.lists(st.tuples(st.sampled_from(ENDS), st.integers(0, NODES_MAX)), max_size=60)


class Flow:
    """A flow under way, and what is to be seen of it from outside."""

    def __init__(self, desk: Desk, clock: FrozenClock) -> None:
        self.desk = desk
        self.clock = clock
        self.jobs: list[JobRef] = []

    async def add(self, tree: list[tuple[int, Any, Keep | None]]) -> None:
        """A root, and each node below one of those before it."""
        above = [place % (number + 1) for number, (place, _, _) in enumerate(tree)]
        nodes = [NewJob(QUEUE, "task", id="n0", has_children=True)]
        for number, ((_, policy, keep), parent) in enumerate(zip(tree, above, strict=True), 1):
            options = Options(attempts=2, max_stalled=0, keep_failed=keep, keep_completed=keep)
            tie = Parent(QUEUE, f"n{parent}", policy)
            nodes.append(
                NewJob(QUEUE, "task", "{}", f"n{number}", options=options, parent=tie, has_children=number in above)
            )
        self.jobs = list(await self.desk.add(*nodes))

    async def claim(self) -> Lease | None:
        leases = await self.desk.claim(QUEUE, limit=1)
        for lease in leases:
            await self.check_not_early(lease)
        return leases[0] if leases else None

    async def check_not_early(self, lease: Lease) -> None:
        """A parent runs when its children are done, or one that failed says that it need not wait, or not at all."""
        nodes = (await self.desk.tree(JobRef(lease.queue, lease.id), depth=1))[1:]
        records = [node.record for node in nodes if node.record and node.value is None and node.ignored is None]
        is_early = any(record.state != "completed" for record in records) or any(node.is_pending for node in nodes)
        ignored = [node.record.parent if node.record else None for node in nodes if node.ignored is not None]
        was_continued = any(tie is None or tie.policy == "continue_parent" for tie in ignored)
        assert not is_early or lease.deferred or was_continued, lease

    async def end(self, how: str, pick: int) -> None:
        present = [job for job in self.jobs if await self.desk.exists(job)]
        open_ = [job for job in present if await self.desk.state(job) not in (*FINISHED, "active")]
        if how in ("cancelled", "removed"):
            if open_ and pick:
                job = open_[pick % len(open_)]
                await (self.desk.move("cancel", job) if how == "cancelled" else self.desk.remove(job))
            return
        lease = await self.claim()
        if lease is not None:
            await self.finish(lease, how)

    async def finish(self, lease: Lease, how: str) -> None:
        if lease.deferred:
            await self.desk.settle(deferred(lease))
        elif how == "stalled":
            self.clock.advance(60_000)
            await self.desk.recover()
        elif how == "cancelled running":
            await self.desk.move("cancel", JobRef(lease.queue, lease.id))
            await self.desk.settle(failed(lease))
        elif how in ("failed", "tried again"):
            await self.desk.settle(failed(lease, is_retryable=how == "tried again"))
        else:
            await self.desk.settle(done(lease))

    async def settle_down(self) -> None:
        """Complete whatever can still be claimed."""
        for _ in range(STEPS_MAX):
            lease = await self.claim()
            if lease is None:
                return
            await self.finish(lease, "done")
        raise AssertionError("the flow does not come to an end")

    async def check_not_stuck(self) -> None:
        """Who still waits does so for a failed child with the policy `wait`, or for one that waits itself."""
        for job in self.jobs:
            if not await self.desk.exists(job) or await self.desk.state(job) in FINISHED:
                continue
            assert await self.desk.state(job) == "waiting-children"
            pending = [node.record for node in (await self.desk.tree(job, depth=1))[1:] if node.is_pending]
            assert pending
            for child in pending:
                assert child is not None
                is_left = child.state == "failed" and child.parent is not None and child.parent.policy == "wait"
                assert is_left or child.state == "waiting-children", child

    async def check_not_twice(self) -> None:
        """A job finishes once, and is released once: only people begin it anew, and here nobody does."""
        for job in self.jobs:
            changes = await self.desk.changes(job)
            assert sum(change.state in FINISHED for change in changes) <= 1, changes
            assert sum(change.was == "waiting-children" and change.state == "waiting" for change in changes) <= 1
            runs = sum(change.state == "active" for change in changes)
            again = sum(change.was == "active" and change.state == "waiting" for change in changes)
            assert runs <= 1 + again, changes


async def play(tree: list[tuple[int, Any, Keep | None]], steps: list[tuple[str, int]], flow: Flow) -> None:
    await flow.add(tree)
    for how, pick in steps:
        await flow.end(how, pick)
    await flow.settle_down()
    await flow.check_not_stuck()
    await flow.check_not_twice()
    assert Change("waiting-children") in await flow.desk.changes(flow.jobs[0])


async def free_all(_: list[Any], steps: list[tuple[str, int]], flow: Flow) -> None:
    """Retry what has failed, the root first, until nothing has: every flow can be repaired."""
    for _round in range(NODES_MAX + 1):
        there = [job for job in flow.jobs if await flow.desk.exists(job)]
        broken = [job for job in there if await flow.desk.state(job) == "failed"]
        if not broken:
            break
        await flow.desk.move("retry", *broken)
        await flow.settle_down()
    states = {await flow.desk.state(job) for job in flow.jobs if await flow.desk.exists(job)}
    assert states <= {"completed"}


Act = Callable[[list[Any], list[tuple[str, int]], Flow], Awaitable[None]]


def on(engine: str, tree: list[Any], steps: list[tuple[str, int]], *acts: Act) -> None:
    """Act on a fresh store, which is consistent afterwards."""

    async def run(folder: Path) -> None:
        clock = FrozenClock()
        store = storage.open(url_of(engine, folder), clock=clock)
        await store.open()
        try:
            flow = Flow(Desk(store), clock)
            for act in acts:
                await act(tree, steps, flow)
            await assert_consistent(store)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


SHORT = settings(
    max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_parent_runs_early_or_twice_or_is_stuck(engine: str) -> None:
    @SHORT
    @given(trees, ends)
    def check(tree: list[Any], steps: list[tuple[str, int]]) -> None:
        on(engine, tree, steps, play)

    check()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_flow_can_be_repaired_by_retrying_what_has_failed(engine: str) -> None:
    @SHORT
    @given(trees, ends)
    def check(tree: list[Any], steps: list[tuple[str, int]]) -> None:
        on(engine, tree, steps, play, free_all)

    check()


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
def test_ten_thousand_flows_end(engine: str) -> None:
    @settings(SHORT, max_examples=10_000, derandomize=False)
    @given(trees, ends)
    def check(tree: list[Any], steps: list[tuple[str, int]]) -> None:
        on(engine, tree, steps, play, free_all)

    check()
