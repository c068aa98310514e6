"""Every engine under the same clock."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace import storage
from headrace.storage.protocol import Storage
from tests.conformance.audit import assert_consistent
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk

ENGINES = ("memory", "sqlite")


def url_of(engine: str, folder: Path) -> str:
    if engine == "sqlite" and importlib.util.find_spec("headrace.storage.sql.sqlite") is None:
        pytest.skip("the SQLite store is not there yet")
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
