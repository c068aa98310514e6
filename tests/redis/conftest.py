"""A prefix of its own for each test, and the server as it is."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def keys(valkey_url: str) -> Iterator[Any]:
    """The server as it is, emptied when the test is over."""
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client
        client.flushdb()
