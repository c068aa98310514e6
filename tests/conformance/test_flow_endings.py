"""Whatever becomes of the jobs of a flow: no parent runs early or twice, and none is stuck."""

from collections import Counter
from random import Random
from typing import NamedTuple

import pytest

from headrace.core.commands import Remove
from headrace.core.jobs import FINISHED, POLICIES, STATES, JobRef, Keep, Lease, NewJob, Options, Parent, Policy
from headrace.core.topics import job_events
from headrace.storage.protocol import Storage

from .audit import assert_consistent
from .clock import FrozenClock
from .desk import Desk, deferred, done, failed

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

SEEDS = 100


class Plot(NamedTuple):
    """A tree, each node with the number of one before it, its policy and retention; and what is done, to which job."""

    tree: list[tuple[int, Policy, Keep | None]]
    steps: list[tuple[str, int]]

    @classmethod
    def drawn(cls, seed: int) -> "Plot":
        chance = Random(seed)
        count = chance.randint(1, NODES_MAX)
        keeps = (None, None, None, Keep(0))
        tree = [(chance.randint(0, number), chance.choice(POLICIES), chance.choice(keeps)) for number in range(count)]
        return cls(tree, [(chance.choice(ENDS), chance.randrange(100)) for _ in range(chance.randint(0, 2 * count))])


class Flow:
    """A flow under way, and what is to be seen of it from outside."""

    def __init__(self, desk: Desk, clock: FrozenClock, began: int) -> None:
        self.desk = desk
        self.clock = clock
        self.began = began  # the last event before it
        self.jobs: list[JobRef] = []

    async def add(self, tree: list[tuple[int, Policy, Keep | None]]) -> None:
        above = [place for place, _, _ in tree]
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
            if open_:
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
        events = await self.desk.events(QUEUE, self.began)
        for job in self.jobs:
            changes = [change for key, change in events if key == job.id]
            assert sum(change.state in FINISHED for change in changes) <= 1, changes
            assert sum(change.was == "waiting-children" and change.state == "waiting" for change in changes) <= 1
            runs = sum(change.state == "active" for change in changes)
            again = sum(change.was == "active" and change.state == "waiting" for change in changes)
            assert runs <= 1 + again, changes


async def play(plot: Plot, flow: Flow) -> None:
    await flow.add(plot.tree)
    for how, pick in plot.steps:
        await flow.end(how, pick)
    await flow.settle_down()
    await flow.check_not_stuck()
    await flow.check_not_twice()


async def repair(flow: Flow) -> None:
    """Retry what has failed, the root first, until nothing has."""
    for _round in range(NODES_MAX + 1):
        there = [job for job in flow.jobs if await flow.desk.exists(job)]
        broken = [job for job in there if await flow.desk.state(job) == "failed"]
        if not broken:
            break
        await flow.desk.move("retry", *broken)
        await flow.settle_down()
    states = {await flow.desk.state(job) for job in flow.jobs if await flow.desk.exists(job)}
    assert states <= {"completed"}


async def live(store: Storage, clock: FrozenClock, seed: int) -> Counter[str]:
    """Play a plot, repair what is left, and leave nothing; how often jobs ended in which way before the repair."""
    flow = Flow(Desk(store), clock, await Desk(store).last_event(job_events(QUEUE)))
    await play(Plot.drawn(seed), flow)
    ends: Counter[str] = Counter()
    for job in flow.jobs:
        if await flow.desk.exists(job):
            record = await flow.desk.record(job)
            ends[record.failure.cause if record.failure else record.state] += 1
        else:
            ends["gone"] += 1
    await repair(flow)
    await assert_consistent(store)
    await flow.desk.run(Remove(queue=QUEUE, states=STATES))
    return ends


async def live_all(store: Storage, clock: FrozenClock, seeds: range) -> None:
    ends: Counter[str] = Counter()
    for seed in seeds:
        try:
            ends += await live(store, clock, seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {Plot.drawn(seed)}") from error
    met = {"completed", "waiting-children", "error", "child-failed", "cancelled", "stalled", "gone"}
    assert met <= ends.keys(), f"these plots prove too little: {ends}"


async def test_no_parent_runs_early_or_twice_or_is_stuck_and_every_flow_can_be_repaired(
    store: Storage, clock: FrozenClock
) -> None:
    await live_all(store, clock, range(SEEDS))


@pytest.mark.soak
async def test_ten_thousand_flows_end(store: Storage, clock: FrozenClock) -> None:
    await live_all(store, clock, range(10_000))
