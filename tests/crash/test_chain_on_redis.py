"""The one command with a sequel: a claim of a job scheduler's job adds that of the next slot in a second script.

Whoever dies between the two, or before he hears of them: the chain goes on, with one job a slot.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from headrace.core.commands import Claim, Recover, Source
from headrace.core.errors import Unavailable
from headrace.storage.redis import RedisStore
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk, done
from tests.crash.cut import wired

EVERY_MS, LEASE_MS = 60_000, 1_000


def scheduled(client: Any, queue_key: str, now: int) -> None:
    """What Node's `upsertJobScheduler` leaves when the first job of the scheduler waits."""
    job_id = f"repeat:tick:{now}"
    opts = {"repeat": {"every": EVERY_MS, "count": 1}, "jobId": job_id, "repeatJobKey": "tick", "attempts": 0}
    fields = {"name": "tick", "data": "{}", "timestamp": now, "delay": 0, "priority": 0, "rjk": "tick"}
    client.zadd(f"{queue_key}repeat", {"tick": now})
    client.hset(f"{queue_key}repeat:tick", mapping={"name": "tick", "every": EVERY_MS, "ic": 1})
    client.hset(f"{queue_key}{job_id}", mapping={**fields, "opts": json.dumps(opts)})
    client.lpush(f"{queue_key}wait", job_id)
    client.hset(f"{queue_key}meta", "version", "bullmq:6.7.0")
    client.incr(f"{queue_key}id")


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("is_answer", [False, True])
async def test_a_chain_goes_on_wherever_a_claim_is_cut(
    at: int, is_answer: bool, valkey_url: str, prefix_on: Callable[[str], str]
) -> None:
    prefix, clock = prefix_on(valkey_url), FrozenClock()
    begun = clock.now
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        scheduled(client, f"{prefix}:q:", begun)
    async with wired(valkey_url) as wire:
        store = RedisStore(wire.url, prefix=prefix, clock=clock)
        await store.open()
        desk = Desk(store)
        wire.arm(at, is_answer=is_answer)
        with pytest.raises(Unavailable):
            await store.run(Claim((Source("q"),), 9, "lost", LEASE_MS, "w"))
        assert wire.was_cut
        wire.arm(None)
        has_begun = at == 2 or is_answer
        assert await desk.counts() == {
            ("active" if has_begun else "waiting"): 1,
            **({"delayed": 1} if (at, is_answer) == (2, True) else {}),
        }
        clock.advance(LEASE_MS)
        await store.run(Recover())
        lease = await desk.claim_one(lease_ms=LEASE_MS)
        assert lease.id == f"repeat:tick:{begun}"
        assert await desk.settle(done(lease)) == (None,)
        assert await desk.ids("delayed") == [f"repeat:tick:{begun + EVERY_MS}"]
        clock.advance(EVERY_MS)
        assert (await desk.claim_one()).id == f"repeat:tick:{begun + EVERY_MS}"
        assert await desk.ids("delayed") == [f"repeat:tick:{begun + 2 * EVERY_MS}"]
        await store.close()
