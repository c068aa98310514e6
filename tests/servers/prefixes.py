"""Room for one test on a Redis that others use, too."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fresh_prefix(url: str) -> Iterator[str]:
    """A prefix that nobody else has; all keys under it are gone afterwards, and no others."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    try:
        yield prefix
    finally:
        clear(url, prefix)


def clear(url: str, prefix: str) -> None:
    """Delete all keys under a prefix."""
    import redis

    with redis.Redis.from_url(url.replace("valkey", "redis", 1)) as client:
        for key in client.scan_iter(f"{prefix}[:~]*", count=1000):
            client.delete(key)
