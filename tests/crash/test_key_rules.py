"""The checker of keys finds what it is for: each rule is broken once, by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.crash.key_rules import RULES, faults
from tests.crash.keys import snapshot
from tests.crash.redis_base import RedisBase, redis_base

PREFIX = "damaged"
P = f"{PREFIX}:"
OURS = f"{PREFIX}~:"

DAMAGE: dict[str, Callable[[Any], object]] = {
    "a job is in exactly one place": lambda at: at.zadd(f"{P}q:failed", {"mine": 1}),
    "a list names a job once": lambda at: at.lpush(f"{P}q:wait", "mine"),
    "what is in a place is a job": lambda at: at.lpush(f"{P}q:wait", "nobody"),
    "what hangs on a job has a job": lambda at: at.delete(f"{P}q:mine"),
    "every queue that has a job is known, and its log has a name": lambda at: at.zrem(f"{OURS}:queues", "q"),
    "no job has a number that its queue has not given": lambda at: at.set(f"{P}q:id", 3),
    "a running job has the lease of its last start, and nobody else has one": lambda at: at.set(f"{P}q:mine:lock", "t"),
    "a finished job says when, and is not to fail any more": lambda at: at.hset(f"{P}kin-down:1", "defa", "no"),
    "a pending child is there, has no result yet, and names its parent": lambda at: at.sadd(
        f"{P}kin-up:whole:dependencies", f"{P}q:mine"
    ),
    "who waits for children has something to wait for, and counts whom it follows": lambda at: at.delete(
        f"{P}kin-up:whole:dependencies"
    ),
    "who is waited for knows his followers, and Recover finds him": lambda at: at.delete(f"{OURS}:followed"),
    "a dedup key until the end of its job has a job that has not finished": lambda at: at.set(f"{P}keyed:de:runs", "6"),
    "a dedup key for a time or for ever is taken, and what is kept waits for one that is neither": lambda at: at.delete(
        f"{P}keyed:de:runs"
    ),
    "somebody will look whether a job with a deadline was started": lambda at: at.delete(f"{OURS}:deadlines"),
    "a parked job is in the line of its key, and its key has a turn to come": lambda at: at.zadd(
        f"{OURS}limited:heads", {"=z": 1}
    ),
    "an unfinished job counts for its key where keys have limits, and nowhere else": lambda at: at.zadd(
        f"{OURS}q:keyed", {"=a\0mine": 0}
    ),
    "what is dealt stands where Node takes it, and no other stands there": lambda at: at.delete(f"{OURS}limited:dealt"),
    "whoever sleeps is told of work, and of the next delayed job": lambda at: at.delete(f"{P}q:marker"),
    "a fence is given once, and a lock that is held has a name and an end": lambda at: at.set(f"{OURS}:fence", 0),
    "entries of a log are consecutive up to the last position, and their channel has a name": lambda at: at.hset(
        f"{OURS}:positions", "bus", 9
    ),
    "a schedule has a name, and only such a one has a slot": lambda at: at.zadd(f"{OURS}:slots", {"nobody": 1}),
}


@pytest.fixture(scope="module")
def base(valkey_url: str) -> Iterator[RedisBase]:
    with redis_base(valkey_url, PREFIX) as made:
        yield made


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_named(base: RedisBase, rule: str) -> None:
    base.put_back()
    assert faults(base.keys, PREFIX) == []
    DAMAGE[rule](base.client)
    found = [fault.partition(":")[0] for fault in faults(snapshot(base.client, PREFIX), PREFIX)]
    assert rule in found
