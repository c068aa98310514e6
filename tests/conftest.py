"""Real servers for whoever asks: one of each for a worker of the test run, started at its first use."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.servers import postgres, valkey
from tests.servers.process import CannotRun


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The URL of a running Valkey that keeps what it acknowledged."""
    yield from served(valkey.running())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running PostgreSQL, as a role that may do everything there."""
    yield from served(postgres.running())


def served(running: AbstractContextManager[valkey.Valkey | postgres.Postgres]) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running)
        except CannotRun as reason:
            pytest.skip(str(reason))
        yield server.url
