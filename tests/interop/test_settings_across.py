"""Pause, places and rates that either side sets hold for the workers of both."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from headrace.core.commands import Configure
from headrace.core.limits import Rate
from tests.conformance.desk import Desk, done
from tests.interop.across import SIDES, Across, Side, job, other

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCK_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


async def set_by(across: Across, side: Side, queue: str, verb: str, *words: Any, **ours: Any) -> None:
    if side == "node":
        await across.node("queue", queue, verb, *words)
    else:
        await across.app.storage.run(Configure(queue, **ours))


def takers(across: Across, queue: str) -> dict[Side, Callable[[], Any]]:
    """What lets each side take the next job, if it may: the job's id."""
    desk = Desk(across.app.storage)

    async def ours() -> str | None:
        leases = await desk.claim(queue, limit=1, lease_ms=LOCK_MS)
        return leases[0].id if leases else None

    async def theirs() -> str | None:
        found: str | None = await across.node("fetch", queue, "theirs", LOCK_MS)
        return found

    return {"ours": ours, "node": theirs}


@pytest.mark.parametrize("by", SIDES)
async def test_a_queue_that_one_side_pauses_is_left_alone_by_both_until_the_other_resumes_it(
    across: Across, by: Side
) -> None:
    q = across.queue()
    await set_by(across, by, q, "pause", is_paused=True)
    ids = [*await across.add(by, job("give", q, value=1)), *await across.add(other(by), job("give", q, value=2))]
    async with across.working("both", q):
        for take in takers(across, q).values():
            assert await take() is None
        await set_by(across, other(by), q, "resume", is_paused=False)
        assert [record.result for record in await across.ended(q, *ids)] == ["1", "2"]
    assert [len(across.events(q, word)) for word in ("paused", "resumed")] == [1, 1]


@pytest.mark.parametrize("first", SIDES)
@pytest.mark.parametrize("by", SIDES)
async def test_places_that_one_side_sets_are_shared_by_both(across: Across, by: Side, first: Side) -> None:
    q, desk = across.queue(), Desk(across.app.storage)
    await set_by(across, by, q, "setGlobalConcurrency", 1, concurrency=1)
    one, two = await across.add(by, job("give", q, value=1), job("give", q, value=2))
    take = takers(across, q)
    lease = (await desk.claim_one(q, lease_ms=LOCK_MS)) if first == "ours" else None
    if lease is None:
        assert await take["node"]() == one
    for side in SIDES:
        assert await take[side]() is None
    if lease is not None:
        assert await desk.settle(done(lease)) == (None,)
    else:
        await across.node("held", q, one, "moveToCompleted", 1, "theirs", False)
    assert await take[other(first)]() == two
    await across.node("rest")


@pytest.mark.parametrize("first", SIDES)
@pytest.mark.parametrize("by", SIDES)
async def test_a_rate_that_one_side_sets_counts_the_starts_of_both(across: Across, by: Side, first: Side) -> None:
    q = across.queue()
    await set_by(across, by, q, "setGlobalRateLimit", 2, HOUR_MS, rate=Rate(2, HOUR_MS))
    ids = await across.add(by, *(job("give", q, value=value) for value in range(4)))
    take = takers(across, q)
    assert [await take[first](), await take[other(first)]()] == ids[:2]
    for side in SIDES:
        assert await take[side]() is None
    await across.node("rest")
