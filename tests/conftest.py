"""Real servers for whoever asks: one of each for a worker of the test run, started at its first use."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import pytest

from tests.servers import cluster, postgres, redis7, sentinel, valkey
from tests.servers.available import or_skip
from tests.servers.prefixes import fresh_prefix

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
def sentinel_url() -> Iterator[str]:
    """The URL of three Sentinels, which watch a Valkey and its replica."""
    yield from served(sentinel.running(down_ms=sentinel.SLOW_MS))


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """The URL of a cluster of three Valkeys."""
    yield from served(cluster.running())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running PostgreSQL, as a role that may do everything there."""
    yield from served(postgres.running())


@pytest.fixture
def prefix_on() -> Iterator[Callable[[str], str]]:
    """Gives a prefix for the Redis at a URL that nobody else has; its keys are gone when the test is over."""
    with ExitStack() as given:
        yield lambda url: given.enter_context(fresh_prefix(url))


@pytest.fixture
def server_of_ours() -> None:
    """For tests that set a server up otherwise, or count who is connected to it."""
    if GIVEN_URL:
        pytest.skip("this needs a server of its own, and one was given in HEADRACE_TEST_REDIS_URL")


class Reached(Protocol):
    @property
    def url(self) -> str: ...


def served(running: AbstractContextManager[Reached]) -> Iterator[str]:
    with or_skip(running) as server:
        yield server.url
