"""Adds whose request ids are counted up, as a client's are: remembered as one, and each known again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.core.commands import Add, Added, Claim, Recover, Source
from headrace.core.jobs import NewJob
from headrace.storage.protocol import granted
from headrace.storage.sql.connect import connect
from headrace.storage.sql.lite.leases import FORGET_MAX, REQUEST_AGE_MS
from headrace.storage.sql.sqlite import SqliteStore
from headrace.testing import FrozenClock
from tests.crash.statements import watched
from tests.crash.tables import copied

PREFIX = "0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(str(path), clock=FrozenClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def asked(number: int, *, prefix: str = PREFIX, jobs: int = 1) -> Add:
    return Add(tuple(NewJob("q", f"n{number}") for _ in range(jobs)), f"{prefix}{number:012x}")


async def at_once(store: SqliteStore, *adds: Add) -> list[Added]:
    """What several callers are answered who ask in one turn of the loop."""
    return [granted(reply) for reply in await asyncio.gather(*(store.run(add) for add in adds))]


async def stored(store: SqliteStore) -> int:
    return len(granted(await store.run(Claim((Source("q"),), 1_000, "t", 60_000))).leases)


def remembered(path: Path) -> tuple[int, int]:
    """Rows of single requests, and of series."""
    db = connect(str(path), is_read_only=True)
    counts = [db.execute(f"select count(*) from {table}").get for table in ("requests", "series")]
    db.close()
    return counts[0], counts[1]


async def test_a_series_is_one_row_and_each_request_is_known_again(store: SqliteStore, path: Path) -> None:
    first = await at_once(store, *map(asked, range(100)))
    assert remembered(path) == (0, 1)
    assert [reply.jobs[0].id for reply in first] == [str(number) for number in range(1, 101)]
    assert await at_once(store, *map(asked, range(100))) == first, "all at once again"
    assert await at_once(store, *map(asked, range(250, 0, -3))) != first  # some of them, among new ones
    assert [granted(await store.run(asked(number))) for number in range(100)] == first, "one by one"
    mixed = Add((NewJob("q", "later", delay_ms=5),), asked(7).request_id)
    assert granted(await store.run(mixed)) == first[7], "as another kind of Add"
    assert await stored(store) == 100 + len([number for number in range(250, 0, -3) if number >= 100])


async def test_a_series_that_overlaps_another_is_taken_apart(store: SqliteStore) -> None:
    old = await at_once(store, *map(asked, range(10, 20)))
    new = await at_once(store, *map(asked, range(30)))
    assert new[10:20] == old
    assert await stored(store) == 30
    within = await at_once(store, *map(asked, range(12, 15)))
    assert within == old[2:5]
    around = await at_once(store, *map(asked, range(25, 35)))
    assert around[:5] == new[25:]
    assert await stored(store) == 5


async def test_a_request_that_came_alone_is_known_in_a_series(store: SqliteStore) -> None:
    alone = granted(await store.run(asked(3)))
    assert (await at_once(store, *map(asked, range(6))))[3] == alone
    assert await stored(store) == 6


async def test_a_request_that_comes_twice_in_a_turn_is_stored_once(store: SqliteStore) -> None:
    replies = await at_once(store, *(asked(number % 5) for number in range(20)))
    assert len({reply.jobs for reply in replies}) == 5
    series, repeated = [asked(number) for number in range(20, 40)], asked(30)
    *replies, again = await asyncio.gather(*(store.run(add) for add in series), store.run(repeated, Recover()))
    assert again[0] == replies[10]
    assert await stored(store) == 25


async def test_what_is_no_series_is_remembered_one_by_one(store: SqliteStore, path: Path) -> None:
    for adds in (
        [asked(0), asked(2)],
        [asked(11), asked(10)],
        [asked(20), asked(21, jobs=2)],
        [asked(30), asked(31, prefix="fedcba9876543210")],
        [Add((NewJob("q", "n"),), text) for text in ("one", "two")],
        [Add((NewJob("q", "n"),), f"{number:5}") for number in range(2)],
    ):
        first = await at_once(store, *adds)
        assert await at_once(store, *adds) == first
    assert remembered(path) == (12, 0)


async def test_neighbours_of_a_series_are_not_in_it(store: SqliteStore) -> None:
    await at_once(store, *map(asked, range(5, 10)))
    for number in (4, 10):
        granted(await store.run(asked(number)))
    await store.run(Add((NewJob("q", "n"),), PREFIX))
    assert await stored(store) == 8


async def test_a_series_is_forgotten_after_some_minutes(path: Path) -> None:
    clock = FrozenClock()
    store = SqliteStore(str(path), clock=clock)
    await store.open()
    await at_once(store, *map(asked, range(5)))
    clock.advance(REQUEST_AGE_MS)
    await store.run(Recover())
    assert remembered(path) == (0, 1)
    clock.advance(1)
    await store.run(Recover())
    assert remembered(path) == (0, 0)
    await store.close()


async def test_many_old_requests_are_forgotten_page_by_page(path: Path) -> None:
    clock = FrozenClock()
    store = SqliteStore(str(path), clock=clock)
    await store.open()
    await at_once(store, *(asked(number, jobs=2) for number in range(FORGET_MAX + 1)))
    clock.advance(REQUEST_AGE_MS + 1)
    assert granted(await store.run(Recover())).is_more
    assert remembered(path) == (1, 0)
    assert not granted(await store.run(Recover())).is_more
    assert remembered(path) == (0, 0)
    await store.close()


async def test_a_stop_before_any_statement_leaves_nothing_of_a_series(path: Path, tmp_path: Path) -> None:
    left: list[Path] = []

    def stop(number: int, _: str) -> None:
        left.append(copied(path, tmp_path / str(number)))

    with watched() as statements:
        store = SqliteStore(str(path))
        await store.open()
        await at_once(store, asked(0))
        statements.arm(stop)
        await at_once(store, *map(asked, range(1, 30)))
        statements.disarm()
        await store.close()
    assert any("into series" in sql for sql in statements.seen)
    for copy in left:
        found = SqliteStore(str(copy))
        await found.open()
        assert await stored(found) == 1
        assert len({*await at_once(found, *map(asked, range(1, 30)))}) == 29
        await found.close()
