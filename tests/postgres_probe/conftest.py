"""A PostgreSQL store with a schema of its own, on the same frozen clock as whatever it is compared with."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql

from headrace.storage.sql.postgres import PostgresStore
from tests.conformance.clock import FrozenClock

NUMBERS = count(1)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def schema(postgres_url: str) -> Iterator[str]:
    name = f"probe {next(NUMBERS)}"  # with a space, so that a name that is not quoted is found
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))


@pytest.fixture
async def store(postgres_url: str, schema: str, clock: FrozenClock) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url, prefix=schema, clock=clock)
    await store.open()
    yield store
    await store.close()
