"""A prefix of its own for each test, and the server as it is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis


@pytest.fixture
def prefix(valkey_url: str, prefix_on: Callable[[str], str]) -> str:
    return prefix_on(valkey_url)


@pytest.fixture
def keys(valkey_url: str) -> Iterator[Any]:
    """The server as it is."""
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client
