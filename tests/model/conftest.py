"""Stores for the tests of one ability, which run on every engine."""

from collections.abc import Callable

import pytest

from headrace import storage
from headrace.storage.protocol import Storage
from tests.conformance.clock import FrozenClock

URLS = {"memory": "memory://", "sqlite": "sqlite:///:memory:"}


@pytest.fixture(params=[*URLS, "redis"])
def make(request: pytest.FixtureRequest) -> Callable[[FrozenClock], Storage]:
    """Makes an empty store that is not open yet."""
    if request.param in URLS:
        return lambda clock: storage.open(URLS[request.param], clock=clock)
    from headrace.storage.redis import RedisStore

    url: str = request.getfixturevalue("valkey_url")
    prefix_on = request.getfixturevalue("prefix_on")
    return lambda clock: RedisStore(url, prefix=prefix_on(url), clock=clock)
