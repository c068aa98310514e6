"""Every engine under the same clock."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from headrace import storage
from headrace.storage.protocol import Storage
from headrace.storage.redis import RedisStore
from headrace.storage.sql.postgres import PostgresStore
from tests.conformance.audit import assert_consistent
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk

ENGINES = ("memory", "sqlite")
PROBES = ("postgres", "redis")  # engines that know Add, Claim, Settle, Recover and Get


def url_of(engine: str, folder: Path) -> str:
    return {"memory": "memory://", "sqlite": f"sqlite:///{folder / 'jobs.db'}"}[engine]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Storage]:
    """An open store; when the test is over it must be consistent."""
    store = storage.open(url_of(request.param, tmp_path), clock=clock)
    await store.open()
    try:
        yield store
        await assert_consistent(store)
    finally:
        await store.close()


@pytest.fixture
def desk(store: Storage) -> Desk:
    return Desk(store)


@pytest.fixture(params=[*ENGINES, *PROBES])
def probed(request: pytest.FixtureRequest, clock: FrozenClock, tmp_path: Path) -> Iterator[Storage]:
    """A store that is not open yet, and is gone from its server when the test is over."""
    prefix = f"probe{uuid.uuid4().hex[:8]}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        yield PostgresStore(url, prefix=prefix, clock=clock)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(prefix)))
    elif request.param == "redis":
        url = request.getfixturevalue("valkey_url")
        yield RedisStore(url, prefix=prefix, clock=clock)
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    else:
        yield storage.open(url_of(request.param, tmp_path), clock=clock)


@pytest.fixture
async def probe(probed: Storage) -> AsyncIterator[Desk]:
    """A desk for the few commands that every engine knows."""
    await probed.open()
    try:
        yield Desk(probed)
    finally:
        await probed.close()
