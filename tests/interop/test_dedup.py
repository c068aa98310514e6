"""Dedup keys that BullMQ and we share: the six modes, whoever comes first, and the same bytes."""

from typing import Any, Final

import pytest

from headrace.core.commands import Add, Added, Queues
from headrace.core.jobs import Dedup, JobRef, NewJob
from tests.conformance.desk import Desk, done, new, ref
from tests.interop.node import Node
from tests.interop.test_layout import dump, unhurried, without_versions

LONG_MS: Final = 90_000
MODES: Final[dict[str, tuple[dict[str, Any], dict[str, Any], int]]] = {  # BullMQ's words, ours, the delay of the jobs
    "until finished": ({}, {}, 0),
    "for a time": ({"ttl": LONG_MS}, {"ttl_ms": LONG_MS}, 0),
    "extends": ({"ttl": LONG_MS, "extend": True}, {"ttl_ms": LONG_MS, "extends": True}, 0),
    "replaces": ({"ttl": LONG_MS, "replace": True}, {"ttl_ms": LONG_MS, "replaces": True}, LONG_MS),
    "reschedules": ({"reschedule": True}, {"reschedules": True}, LONG_MS),
    "keeps last": ({"keepLastIfActive": True}, {"keeps_last": True}, 0),
}


def theirs(id: str, mode: str, delay_ms: int) -> list[Any]:
    opts = {"jobId": id, "attempts": 1, "deduplication": {"id": "k", **MODES[mode][0]}}
    return ["task", {}, {**opts, "delay": delay_ms} if delay_ms else opts]


def ours(id: str, mode: str, delay_ms: int, queue: str = "q") -> NewJob:
    return new(queue=queue, id=id, delay_ms=delay_ms, dedup=Dedup("k", **MODES[mode][1]))


async def add(desk: Desk, job: NewJob) -> Added:
    added: Added = await desk.run(Add((job,)))
    return added


def pictured(keys: Any, prefix: str, queue: str) -> dict[str, Any]:
    """Without the counter, which a duplicate moves in BullMQ only, and without the order of the events of one step."""
    found = unhurried(without_versions(dump(keys, prefix, queue)))
    return {key: sorted(value) if key.endswith("events") else value for key, value in found.items() if key != "K:id"}


@pytest.mark.parametrize("mode", MODES)
async def test_a_duplicate_leaves_the_same_bytes(node: Node, desk: Desk, keys: Any, prefix: str, mode: str) -> None:
    delay_ms = MODES[mode][2]
    await node("add", "theirs", [theirs("a", mode, delay_ms)])
    await add(desk, ours("a", mode, delay_ms, "ours"))
    if mode == "keeps last":
        await node("take", "theirs", "t", LONG_MS)
        await desk.claim_one("ours", token="t", worker="node")
    await node("add", "theirs", [theirs("b", mode, delay_ms)])
    await add(desk, ours("b", mode, delay_ms, "ours"))
    assert pictured(keys, prefix, "ours") == pictured(keys, prefix, "theirs")


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "keeps last"])
async def test_we_heed_the_key_that_node_took(node: Node, desk: Desk, keys: Any, prefix: str, mode: str) -> None:
    delay_ms = MODES[mode][2]
    await node("add", "q", [theirs("a", mode, delay_ms)])
    if MODES[mode][0].get("ttl"):
        keys.pexpire(f"{prefix}:q:de:k", LONG_MS // 2)
    added = await add(desk, ours("b", mode, delay_ms * 2))
    if mode == "replaces":
        assert (added.jobs, added.replaced) == ((ref("b"),), ((0, ref("a")),))
        assert await node("job", "q", "a") is None
    else:
        assert (added.jobs, added.duplicates) == ((ref("a"),), (0,))
    if mode == "reschedules":
        assert (await node("job", "q", "a"))["delay"] == delay_ms * 2
    left_ms = keys.pttl(f"{prefix}:q:de:k")
    assert (left_ms > LONG_MS // 2) == (mode == "extends")
    (queue,) = (await desk.run(Queues(("q",), "k"))).queues
    assert queue.dedup is not None
    assert (queue.dedup.job.id, queue.dedup.expires_at is None) == (keys.get(f"{prefix}:q:de:k"), left_ms < 0)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "keeps last"])
async def test_node_heeds_the_key_that_we_took(node: Node, desk: Desk, keys: Any, prefix: str, mode: str) -> None:
    delay_ms = MODES[mode][2]
    await add(desk, ours("a", mode, delay_ms))
    (found,) = await node("add", "q", [theirs("b", mode, delay_ms * 2)])
    assert found == ("b" if mode == "replaces" else "a")
    assert await desk.exists(ref("a")) == (mode != "replaces")
    if mode == "reschedules":
        assert (await node("job", "q", "a"))["delay"] == delay_ms * 2


@pytest.mark.parametrize("is_named", [True, False])
async def test_what_we_keep_is_added_by_node_when_its_worker_has_done_the_job(
    node: Node, desk: Desk, is_named: bool
) -> None:
    await node("add", "q", [theirs("a", "keeps last", 0)])
    await node("take", "q", "t", LONG_MS)
    kept = NewJob("q", "task", '{"n":1}', id="b" if is_named else None, priority=4)
    job = ours("b", "keeps last", 0)
    added = await add(desk, NewJob(kept.queue, kept.name, kept.data, id=kept.id, priority=4, options=job.options))
    assert (added.jobs, added.kept) == ((ref("a"),), (0,))
    await node("complete", "q", "a", "t")
    (record,) = await desk.found("q", "prioritized")
    assert (record.data, record.priority, record.id == "b") == ('{"n":1}', 4, is_named)
    assert (await add(desk, ours("c", "keeps last", 0))).jobs == (JobRef("q", record.id),), "it has the key"


async def test_what_node_keeps_is_added_by_us_when_we_have_done_the_job(node: Node, desk: Desk) -> None:
    await add(desk, ours("a", "keeps last", 0))
    lease = await desk.claim_one()
    for n in (1, 2):
        opts = {"priority": 4, "deduplication": {"id": "k", "keepLastIfActive": True}}
        assert await node("add", "q", [["task", {"n": n}, opts]]) == ["a"]
    await desk.settle(done(lease))
    (record,) = await desk.found("q", "prioritized")
    assert (record.data, record.priority) == ('{"n":2}', 4)
    assert (await node("job", "q", record.id))["state"] == "prioritized"
    assert await node("add", "q", [theirs("c", "keeps last", 0)]) == [record.id]


async def test_a_key_that_node_forgot_to_take_along_is_free(node: Node, desk: Desk, keys: Any, prefix: str) -> None:
    await add(desk, ours("a", "until finished", 0))
    keys.delete(f"{prefix}:q:a")
    assert (await add(desk, ours("b", "until finished", 0))).duplicates == ()


async def test_a_key_for_ever_is_a_key_to_node_while_its_job_is_there(node: Node, desk: Desk) -> None:
    await add(desk, new(id="a", dedup=Dedup("k", is_forever=True)))
    assert await node("add", "q", [theirs("b", "until finished", 0)]) == ["a"]
    await desk.finish()
    assert await node("add", "q", [theirs("b", "until finished", 0)]) == ["a"]
    assert (await add(desk, ours("c", "until finished", 0))).jobs == (ref("a"),)


async def test_a_key_that_node_took_after_ours_was_over_ends_with_its_job(
    node: Node, desk: Desk, keys: Any, prefix: str
) -> None:
    await add(desk, ours("a", "for a time", 0))
    keys.delete(f"{prefix}:q:de:k")  # as if its time were over
    await node("add", "q", [theirs("b", "until finished", 0)])
    await desk.finish()
    await desk.finish()
    assert (await add(desk, ours("c", "until finished", 0))).jobs == (ref("c"),)
