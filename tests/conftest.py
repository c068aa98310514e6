"""Real servers for whoever asks: one of each for a worker of the test run, started at its first use."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.servers import postgres, redis7, valkey
from tests.servers.process import CannotRun

GIVEN_URL = os.environ.get("HEADRACE_TEST_REDIS_URL")
"""Of a server that the tests take instead of their own Valkey. There they delete what they made and nothing else."""


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The URL of a running Valkey that keeps what it acknowledged; or of the server that was given instead."""
    if GIVEN_URL:
        yield GIVEN_URL
    else:
        yield from served(valkey.running())


@pytest.fixture(scope="session")
def redis7_url() -> Iterator[str]:
    """The URL of a running Redis 7."""
    yield from served(redis7.running())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running PostgreSQL, as a role that may do everything there."""
    yield from served(postgres.running())


@pytest.fixture
def prefix_on() -> Iterator[Callable[[str], str]]:
    """Gives a prefix for the Redis at a URL that nobody else has; its keys are gone when the test is over."""
    given: list[tuple[str, str]] = []

    def give(url: str) -> str:
        given.append((url, f"t{uuid.uuid4().hex[:8]}"))
        return given[-1][1]

    yield give
    for url, prefix in given:
        cleared(url, prefix)


@pytest.fixture
def server_of_ours() -> None:
    """For tests that set a server up otherwise, or count who is connected to it."""
    if GIVEN_URL:
        pytest.skip("this needs a server of its own, and one was given in HEADRACE_TEST_REDIS_URL")


def cleared(url: str, prefix: str) -> None:
    import redis

    with redis.Redis.from_url(url.replace("valkey", "redis", 1)) as client:
        for key in client.scan_iter(f"{prefix}[:~]*", count=1000):
            client.delete(key)


def served(running: AbstractContextManager[valkey.Valkey | postgres.Postgres]) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running)
        except CannotRun as reason:
            pytest.skip(str(reason))
        yield server.url
