"""Room for one test on a Redis that others use, too."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MANY = 1_000


@contextmanager
def fresh_prefix(url: str) -> Iterator[str]:
    """A prefix that nobody else has; all keys under it are gone afterwards, and no others."""
    prefix = new_prefix(url)
    try:
        yield prefix
    finally:
        clear(url, prefix)


def new_prefix(url: str, name: str = "") -> str:
    """A prefix with this name, or one that nobody else has, as the Redis at a URL wants it."""
    name = name or f"t{uuid.uuid4().hex[:8]}"
    return f"{{{name}}}" if "+cluster:" in url else name


def clear(url: str, prefix: str) -> None:
    """Delete all keys under a prefix."""
    with client_of(url, prefix) as client:
        there = list(client.scan_iter(f"{prefix}[:~]*", count=1000))
        for at in range(0, len(there), MANY):
            client.delete(*there[at : at + MANY])


@contextmanager
def client_of(url: str, prefix: str, **options: Any) -> Iterator[Any]:
    """A client of the server at a URL, of the primary that Sentinels name there, or of the node that has the keys."""
    import redis
    from redis.cluster import ClusterNode, RedisCluster
    from redis.sentinel import Sentinel

    from headrace.storage.redis.address import address_of

    address = address_of(url)
    if address.kind == "server":
        with redis.Redis.from_url(url.replace("valkey", "redis", 1), **options) as client:
            yield client
    elif address.kind == "sentinel":
        sentinel = Sentinel(address.seeds, **options)
        with sentinel.master_for(address.master, db=address.database) as client:
            yield client
        for each in sentinel.sentinels:
            each.close()
    else:
        with RedisCluster(startup_nodes=[ClusterNode(*seed) for seed in address.seeds], **options) as cluster:
            yield cluster.get_redis_connection(cluster.get_node_from_key(prefix))
