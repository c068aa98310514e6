"""Every engine under the same clock; or the one store that `--headrace-store` names, from whoever wrote it."""

import uuid
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from headrace import storage
from headrace.storage.protocol import Storage
from headrace.testing.plugin import named

from .audit import assert_consistent
from .clock import FrozenClock
from .desk import Desk

ENGINES = ("memory", "sqlite", "redis")
SERVERS = ("valkey", "redis7", "sentinel", "cluster")  # of the engine `redis`, each a fixture that gives its URL
WAYS = ("sentinel", "cluster")  # to servers of the same kind
ONE_OF = 5  # tests goes the WAYS, by its name the same each time; the others do with `-m soak`
PROBES = ("postgres",)  # engines that know Add, Claim, Settle, Recover and Get
GIVEN = "given"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a store runs on each engine, and on each server of one."""
    if "engine" in metafunc.fixturenames:
        ours = (*ENGINES, *PROBES) if "probed" in metafunc.fixturenames else ENGINES
        if metafunc.config.getoption("--headrace-store"):
            ours = (GIVEN,)
        metafunc.parametrize(("engine", "server"), [pair for engine in ours for pair in _on_servers(engine, metafunc)])


def _on_servers(engine: str, metafunc: pytest.Metafunc) -> list[Any]:
    servers = SERVERS if engine == "redis" else ("",)
    if metafunc.definition.get_closest_marker("soak"):
        servers = tuple(server for server in servers if server not in WAYS)
    name = f"{metafunc.definition.path.stem}.{metafunc.function.__name__}"
    is_one = zlib.crc32(name.encode()) % ONE_OF == 0
    return [
        pytest.param(
            *(engine, server),
            id=server or engine,
            marks=[pytest.mark.soak] if server in WAYS and not is_one else [],
        )
        for server in servers
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes is for those who ask for it: `-m soak`."""
    if "soak" in config.getoption("markexpr"):
        return
    here = Path(__file__).parent
    long = [item for item in items if here in item.path.parents and item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def made(request: pytest.FixtureRequest, engine: str, server: str, clock: FrozenClock, tmp_path: Path) -> Storage:
    """A store that is not open yet, and empty."""
    if engine == GIVEN:
        make = named(request.config, "--headrace-store", request.config.getoption("--headrace-store"))
        return cast("Callable[..., Storage]", make)(clock=clock)
    if engine == "redis":
        from headrace.storage.redis import RedisStore

        url = request.getfixturevalue(f"{server}_url")
        return RedisStore(url, prefix=request.getfixturevalue("prefix_on")(url), clock=clock)
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'jobs.db'}"}[engine]
    return storage.open(url, clock=clock)


@pytest.fixture
async def store(made: Storage) -> AsyncIterator[Storage]:
    """An open store; when the test is over it must be consistent."""
    await made.open()
    try:
        yield made
        await assert_consistent(made)
    finally:
        await made.close()


@pytest.fixture
def desk(store: Storage) -> Desk:
    return Desk(store)


@pytest.fixture
def probed(request: pytest.FixtureRequest, engine: str, server: str, clock: FrozenClock) -> Iterator[Storage]:
    """A store that is not open yet, and is gone from its server when the test is over."""
    prefix = f"probe{uuid.uuid4().hex[:8]}"
    if engine == "postgres":
        import psycopg
        from psycopg import sql

        from headrace.storage.sql.postgres import PostgresStore

        url = request.getfixturevalue("postgres_url")
        yield PostgresStore(url, prefix=prefix, clock=clock)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(prefix)))
    else:
        yield request.getfixturevalue("made")


@pytest.fixture
async def probe(probed: Storage) -> AsyncIterator[Desk]:
    """A desk for the few commands that every engine knows."""
    await probed.open()
    try:
        yield Desk(probed)
    finally:
        await probed.close()
