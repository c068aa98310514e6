"""What people do by BullMQ's queue to jobs of ours, and by ours to Node's: both sides go on with what is left."""

import asyncio
from typing import Any, Final

import pytest

from headrace import App
from headrace.core.commands import Configure, Read, Remove
from headrace.core.jobs import Dedup, Follow
from headrace.core.limits import Capacity, Rate
from headrace.core.log import Gap
from tests.conformance.audit import assert_consistent
from tests.conformance.desk import Desk, child, done, failed, ids, new, parent, ref
from tests.interop.node import Node, NodeError

HOUR: Final = 3_600_000
WAIT_MS: Final = 8_000


async def everywhere(desk: Desk) -> None:
    """Jobs in every state, with most of what we know of jobs and BullMQ does not."""
    await desk.add(*(new() for _ in range(4)))
    leases = await desk.claim(limit=4)
    await desk.settle(*map(done, leases[:2]))
    await desk.settle(failed(leases[2]))
    await desk.add(new(), new(id="late", delay_ms=HOUR, expires_ms=2 * HOUR), new(delay_ms=HOUR), new(priority=3))
    await desk.add(new(id="ever", dedup=Dedup("ever", is_forever=True)), new(id="k", dedup=Dedup("k", ttl_ms=HOUR)))
    await desk.annotate(ref("k"), notes='{"a":1}', lines=("one",))
    await desk.add(parent("p"), child("p", queue="r", id="c"))
    await desk.add(parent("f", follows=(Follow("q", "late", "fail_parent"),)))


async def goes_on(desk: Desk) -> None:
    """All that there is can be worked off, and so can what is added."""
    await desk.recover()
    await assert_consistent(desk.store)
    await desk.add(new(id="after"))
    while leases := await desk.claim("q", "r"):
        await desk.settle(*(failed(lease) if lease.deferred else done(lease) for lease in leases))
        await desk.recover()
    assert await desk.state(ref("after")) == "completed"
    await assert_consistent(desk.store)


@pytest.mark.parametrize(
    ("act", "counts"),
    [
        (("drain",), {"active": 1, "completed": 2, "failed": 1, "delayed": 2, "waiting-children": 2}),
        (("drain", True), {"active": 1, "completed": 2, "failed": 1, "waiting-children": 2}),
        (
            ("clean", 0, 0, "completed"),
            {"active": 1, "failed": 1, "waiting": 3, "prioritized": 1, "delayed": 2, "waiting-children": 2},
        ),
        (
            ("clean", 0, 0, "wait"),
            {"active": 1, "completed": 2, "failed": 1, "prioritized": 1, "delayed": 2, "waiting-children": 2},
        ),
        (
            ("clean", 0, 0, "delayed"),
            {"active": 1, "completed": 2, "failed": 1, "waiting": 3, "prioritized": 1, "waiting-children": 2},
        ),
        (
            ("retryJobs", {"state": "failed"}),
            {"active": 1, "completed": 2, "waiting": 4, "prioritized": 1, "delayed": 2, "waiting-children": 2},
        ),
        (
            ("retryJobs", {"state": "completed"}),
            {"active": 1, "failed": 1, "waiting": 5, "prioritized": 1, "delayed": 2, "waiting-children": 2},
        ),
        (
            ("promoteJobs",),
            {"active": 1, "completed": 2, "failed": 1, "waiting": 5, "prioritized": 1, "waiting-children": 2},
        ),
        (
            ("trimEvents", 0),
            {
                "active": 1,
                "completed": 2,
                "failed": 1,
                "waiting": 3,
                "prioritized": 1,
                "delayed": 2,
                "waiting-children": 2,
            },
        ),
        (
            ("removeOrphanedJobs",),
            {
                "active": 1,
                "completed": 2,
                "failed": 1,
                "waiting": 3,
                "prioritized": 1,
                "delayed": 2,
                "waiting-children": 2,
            },
        ),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
async def test_we_go_on_after_node_has(look: Node, desk: Desk, act: tuple[Any, ...], counts: dict[str, int]) -> None:
    await everywhere(desk)
    await look("queue", "q", *act)
    assert await desk.counts() == counts
    await goes_on(desk)


async def test_node_finds_no_orphan_among_our_keys(look: Node, desk: Desk, keys: Any, prefix: str) -> None:
    await everywhere(desk)
    await desk.run(Read("jobs/q"))
    before = sorted(keys.scan_iter(f"{prefix}*"))
    assert await look("queue", "q", "removeOrphanedJobs") == 0
    assert sorted(keys.scan_iter(f"{prefix}*")) == before


async def test_we_go_on_after_node_has_changed_single_jobs(look: Node, desk: Desk) -> None:
    await desk.add(new(id="a"), new(id="b", delay_ms=HOUR), new(id="c", delay_ms=HOUR), new(id="d"), new(id="e"))
    await desk.add(parent("p"), child("p", queue="r", id="x"), child("p", queue="r", id="y"))
    await look("job", "q", "a", "updateData", {"n": 1})
    await look("job", "q", "a", "log", "theirs")
    await look("job", "q", "b", "promote")
    await look("job", "q", "c", "changeDelay", 2 * HOUR)
    await look("job", "q", "d", "changePriority", {"priority": 5})
    await look("job", "q", "e", "remove")
    await look("job", "q", "p", "removeUnprocessedChildren")
    assert (await desk.record(ref("a"))).data == '{"n":1}'
    record = await desk.record(ref("c"))
    assert record.due_at is not None
    assert abs(record.due_at - record.added_at - 2 * HOUR) < 60_000
    assert await desk.states(ref("b"), ref("d")) == ["waiting", "prioritized"]
    assert await desk.counts("r") == {}
    assert sorted(ids(await desk.claim(limit=3))) == ["a", "b", "p"], "its children are gone"
    assert ids(await desk.claim()) == ["d"]


async def test_a_job_that_runs_here_is_not_removed_by_node(look: Node, desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    with pytest.raises(NodeError, match="locked"):
        await look("job", "q", "1", "remove")
    assert await desk.settle(done(lease)) == (None,)


async def obliterated(look: Node, queue: str = "q") -> None:
    await look("queue", queue, "pause")
    await look("queue", queue, "obliterate", {"force": True})


async def test_what_stays_when_node_obliterates_a_queue_does_no_harm(
    look: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    """Its counter begins anew, so the jobs that come have the ids of those that are gone."""
    await desk.run(Configure("q", rate=Rate(100, HOUR), max_waiting=100))
    await everywhere(desk)
    await obliterated(look)
    left = {key.removeprefix(f"{prefix}~:q:").partition(":")[0] for key in keys.scan_iter(f"{prefix}~:q:*")}
    assert left == {"dedups", "ever", "f", "late", "starts", "tally"}
    await desk.recover()
    assert await desk.counts() == {"waiting": 1, "waiting-children": 1}, "BullMQ leaves those that wait for children"
    assert not keys.keys(f"{prefix}~:q:late:*")
    await desk.remove(ref("f"), ref("p"))
    await desk.remove(ref("c", "r"))
    await everywhere(desk)
    await goes_on(desk)


@pytest.mark.parametrize("is_recovered", [False, True])
async def test_limits_per_key_after_node_has_obliterated_the_queue(
    look: Node, desk: Desk, keys: Any, prefix: str, is_recovered: bool
) -> None:
    per_key = {"tenant": Capacity(1)}
    await desk.run(Configure("q", per_key=per_key))
    await desk.add(*(new(data=f'{{"tenant":"{name}"}}') for name in "aaaabbbb"))
    await desk.claim(limit=2)
    assert keys.zcard(f"{prefix}~:q:parked") > 0
    await obliterated(look)
    if is_recovered:
        await desk.recover()
        assert await desk.counts() == {}
        assert not keys.keys(f"{prefix}~:q:[!t]*")
    await desk.add(*(new(data=f'{{"tenant":"{name}"}}') for name in "cccc"))
    await desk.run(Configure("q", per_key=per_key))
    await assert_consistent(desk.store)
    assert await desk.counts() == {"waiting": 4}
    started = []
    while leases := await desk.claim():
        started += ids(leases)
        await desk.settle(*map(done, leases))
    assert started == ["1", "2", "3", "4"]
    await assert_consistent(desk.store)


@pytest.mark.parametrize("begins_anew", [0, 1, 9])
async def test_a_reader_is_told_that_events_are_missing_since_node_obliterated_the_queue(
    look: Node, desk: Desk, begins_anew: int
) -> None:
    await desk.add(new(), new())
    seen = (await desk.run(Read("jobs/q"))).last
    await desk.add(new())
    await obliterated(look)
    if begins_anew:
        await desk.add(*(new() for _ in range(begins_anew)))
    for after in (seen, seen - 1):
        read = await desk.run(Read("jobs/q", after))
        if after < seen:
            assert [entry.position for entry in read.entries] == [seen], "what was numbered is still told"
        else:
            assert read.gap == Gap(seen + 1, seen + 1)
            assert len(read.entries) == begins_anew
    last = (await desk.run(Read("jobs/q", seen))).last
    assert (await desk.run(Read("jobs/q", last))).gap is None, "it is told once"
    await desk.add(new())
    assert (await desk.run(Read("jobs/q", last))).gap is None


async def test_a_follower_with_the_id_of_one_that_node_removed_follows_only_its_own(look: Node, desk: Desk) -> None:
    await desk.add(new(id="a"), new(id="b"), new(id="c"))
    await desk.add(parent("f", follows=tuple(Follow("q", name, "fail_parent") for name in "abc")))
    await look("job", "q", "f", "remove")
    await desk.add(parent("f", follows=tuple(Follow("q", name, "fail_parent") for name in "bc")))
    assert [node.job.id for node in await desk.tree(ref("f"))] == ["f", "b", "c"]
    a, b, c = await desk.claim()
    await desk.settle(done(b), failed(a))
    assert await desk.state(ref("f")) == "waiting-children"
    await desk.settle(done(c))
    assert (await desk.finish()).id == "f"
    await assert_consistent(desk.store)


async def test_parked_jobs_when_node_looks_for_orphans(look: Node, desk: Desk, keys: Any, prefix: str) -> None:
    """They are in no state of BullMQ's, so they go; what is left is whole."""
    await desk.run(Configure("q", per_key={"tenant": Capacity(1)}))
    await desk.add(*(new(data='{"tenant":"a"}') for _ in range(4)))
    removed = await look("queue", "q", "removeOrphanedJobs")
    await goes_on(desk)
    assert removed + len(await desk.ids("completed")) == 5


async def theirs(look: Node) -> None:
    """Jobs of Node's in most states."""
    await look("queue", "q", "addBulk", [
        {"name": "a", "data": {}, "opts": {"jobId": "a"}},
        {"name": "fail", "data": {}, "opts": {"jobId": "fail"}},
    ])  # fmt: skip
    await look("work", "q", {"concurrency": 1})
    await look("listen", "q")
    await look("told", "failed", 1, WAIT_MS)
    await look("rest")
    await look("queue", "q", "addBulk", [
        {"name": "w", "data": {}, "opts": {"jobId": "w"}},
        {"name": "low", "data": {}, "opts": {"jobId": "low", "priority": 9}},
        {"name": "late", "data": {}, "opts": {"jobId": "late", "delay": HOUR}},
        {"name": "later", "data": {}, "opts": {"jobId": "later", "delay": 2 * HOUR, "priority": 2}},
    ])  # fmt: skip
    leaf = {"name": "leaf", "queueName": "r", "opts": {"jobId": "leaf"}}
    await look("flow", "add", {"name": "root", "queueName": "q", "opts": {"jobId": "root"}, "children": [leaf]})


async def node_goes_on(look: Node, desk: Desk, count: int) -> None:
    """Node's workers go on until so many jobs of `q` have ended."""
    await assert_consistent(desk.store)
    for queue in ("q", "r"):
        await look("work", queue, {"concurrency": 1})
    async with asyncio.timeout(WAIT_MS / 1000):
        while len(await desk.ids("completed")) + len(await desk.ids("failed")) < count:
            await asyncio.sleep(0.02)
    await look("rest")
    await assert_consistent(desk.store)


async def test_node_goes_on_after_we_have_changed_single_jobs(look: Node, desk: Desk) -> None:
    await theirs(look)
    await desk.move("retry", ref("fail"))
    await desk.move("promote", ref("late"), ref("later"))
    await desk.move("prioritise", ref("w"), priority=3)
    await desk.annotate(ref("low"), data='{"n":1}', progress="7", lines=("ours",))
    await desk.remove(ref("a"))
    await node_goes_on(look, desk, 6)
    low = await look("queue", "q", "getJob", "low")
    assert (low["returnvalue"], low["progress"]) == ({"data": {"n": 1}}, 50)
    order = [job["id"] for job in await look("queue", "q", "getJobs", ["completed"], 0, -1, True)]
    assert [name for name in order if name in {"later", "w", "low"}] == ["later", "w", "low"]


@pytest.mark.parametrize(
    ("states", "count"),
    [
        (("waiting",), 4),  # a, fail, low and root have ended then; late and later stay
        (("prioritized",), 4),
        (("delayed",), 5),
        (("completed", "failed"), 3),
        (("waiting-children",), 4),
        (("waiting", "prioritized", "delayed"), 3),
    ],
)
async def test_node_goes_on_after_we_have_removed_by_description(
    look: Node, desk: Desk, states: tuple[Any, ...], count: int
) -> None:
    await theirs(look)
    await desk.run(Remove(queue="q", states=states, limit=100))
    await node_goes_on(look, desk, count)


async def test_node_begins_anew_after_we_have_obliterated(
    look: Node, desk: Desk, keys: Any, prefix: str, valkey_url: str
) -> None:
    await theirs(look)
    async with App(valkey_url, prefix=prefix) as app:
        await app.queue("q").obliterate()
    assert [key for key in keys.scan_iter(f"{prefix}:q:*") if not key.endswith(":q:id")] == []
    assert await look("queue", "q", "getJobCounts", "waiting", "delayed", "completed") == {
        "waiting": 0, "delayed": 0, "completed": 0,
    }  # fmt: skip
    await look("queue", "q", "add", "again", {}, {})
    await node_goes_on(look, desk, 1)
