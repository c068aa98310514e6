"""What is SQLite's own: its file, its threads, its limits. What all engines share is in tests/conformance."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from headrace import storage
from headrace.core import topics
from headrace.core.commands import Add, Claim, Count, Get, Queues, Settle, Source
from headrace.core.errors import BadUrl, CannotOpen, Misuse, SchemaTooNew, StorageFull, Unavailable
from headrace.core.jobs import JobRef, NewJob
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.sql.connect import APPLICATION_ID
from headrace.storage.sql.script import schemas
from headrace.storage.sql.sqlite import SqliteStore

SECOND_MS = 1_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(str(path))
    await store.open()
    yield store
    await store.close()


async def add(store: SqliteStore, count: int = 1, queue: str = "q") -> None:
    granted(await store.run(Add(tuple(NewJob(queue, "n") for _ in range(count)))))


async def waiting(store: SqliteStore, queue: str = "q") -> int:
    return granted(await store.run(Count((queue,)))).queues[queue]["waiting"]


# -- opening ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["sqlite://jobs.db", "sqlite:///", "sqlite:///jobs.db?mode=ro", "jobs.db", "mysql://host/db", "memory://x"],
)
def test_an_address_that_cannot_be_understood_is_refused_before_anything_is_touched(url: str) -> None:
    with pytest.raises(BadUrl):
        storage.open(url)


def test_a_prefix_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(BadUrl, match="no prefix"):
        storage.open("sqlite:///jobs.db", prefix="mine")


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(BadUrl) as caught:
        storage.open("mysql://me:secret@host/db")
    assert "secret" not in str(caught.value)


async def opening(path: Path | str) -> str:
    store = SqliteStore(str(path))
    with pytest.raises(CannotOpen) as caught:
        await store.open()
    await store.close()
    return str(caught.value)


async def test_a_missing_directory_is_named_and_not_created(tmp_path: Path) -> None:
    assert "create it" in await opening(tmp_path / "missing" / "jobs.db")
    assert not (tmp_path / "missing").exists()


async def test_a_directory_is_not_a_database(tmp_path: Path) -> None:
    assert "is a directory" in await opening(tmp_path)


async def test_a_place_where_nothing_can_be_written_is_named() -> None:
    assert "/proc" in await opening("/proc/jobs.db")  # also root cannot write there


async def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    path.write_text("these are notes, not a database, and they are longer than a header of SQLite is" * 20)
    before = path.read_bytes()
    assert "not a SQLite database" in await opening(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["birds", "jobs", "queues", "locks", "schedules"])
async def test_another_programs_database_is_left_alone(path: Path, table: str) -> None:
    """Whatever its tables are called; not even its journal becomes another."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"create table {table} (name text)")
    before = path.read_bytes()
    assert "another program's database; choose a new file, and let Headrace be the first" in await opening(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_table_of_the_callers_with_a_name_that_a_later_version_needs_stops_the_upgrade(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute(schemas("sqlite")[0][1])
        db.execute(f"pragma application_id = {APPLICATION_ID}; pragma user_version = 1")
        db.execute("create table schedules (lesson text); insert into schedules values ('music')")
        before = db.execute("select name, sql from sqlite_schema").fetchall()
    problem = await opening(path)
    assert "nothing was changed: " in problem
    assert "schedules already exists; rename yours" in problem
    with closing(apsw.Connection(str(path))) as db:
        assert db.execute("select name, sql from sqlite_schema").fetchall() == before
        assert db.execute("select lesson from schedules").fetchall() == [("music",)]
        db.execute("alter table schedules rename to lessons")
    store = SqliteStore(str(path))
    await store.open()
    await add(store)
    await store.close()


async def test_a_database_from_the_future_is_refused(store: SqliteStore, path: Path) -> None:
    await add(store)
    await store.close()
    raw = apsw.Connection(str(path))
    raw.execute("pragma user_version = 9999")
    raw.close()
    later = SqliteStore(str(path))
    with pytest.raises(SchemaTooNew, match="upgrade Headrace"):
        await later.open()


async def test_jobs_are_there_when_the_file_is_opened_again(store: SqliteStore, path: Path) -> None:
    await add(store, 3)
    await store.close()
    again = SqliteStore(str(path))
    await again.open()
    assert await waiting(again) == 3
    await again.close()


async def test_many_may_create_the_file_at_the_same_moment(path: Path) -> None:
    stores = [SqliteStore(str(path)) for _ in range(6)]
    await asyncio.gather(*[store.open() for store in stores])
    await asyncio.gather(*[add(store, 5) for store in stores])
    assert await waiting(stores[0]) == 30
    await asyncio.gather(*[store.close() for store in stores])


# -- running ------------------------------------------------------------------------------------------------


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await store.run(Queues())
    await store.close()


async def test_a_store_is_not_carried_over_a_fork(store: SqliteStore) -> None:
    store._pid = -1  # what a forked child would find
    with pytest.raises(Misuse, match="fork"):
        await store.run(Queues())
    store._pid = os.getpid()


async def test_many_callers_share_a_commit_and_each_gets_its_own_answer(store: SqliteStore) -> None:
    added = await asyncio.gather(*[store.run(Add((NewJob("q", f"n{n}"),))) for n in range(300)])
    refs = [granted(reply).jobs[0] for reply in added]
    assert len(set(refs)) == 300
    names = [record and record.name for record in granted(await store.run(Get(tuple(refs)))).jobs]
    assert names == [f"n{n}" for n in range(300)]


async def test_one_request_repeated_among_many_is_one_job(store: SqliteStore) -> None:
    requests = [Add((NewJob("q", "n"),), f"request {n % 50}") for n in range(200)]
    replies = await asyncio.gather(*[store.run(request) for request in requests])
    assert len({granted(reply).jobs for reply in replies}) == 50
    assert await waiting(store) == 50


async def test_a_broken_call_breaks_no_other_of_its_group(store: SqliteStore) -> None:
    broken = Add((NewJob("q", "n", data=7),))  # type: ignore[arg-type]
    impossible = Claim((Source("q"),), 1, "t", lease_ms="soon")  # type: ignore[arg-type]
    calls = [store.run(Add((NewJob("q", "n"),))) for _ in range(20)]
    results = await asyncio.gather(*calls, store.run(impossible), store.run(broken), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) >= 20
    assert await waiting(store) >= 20


async def test_threads_may_call_without_a_loop(store: SqliteStore) -> None:
    def call() -> None:
        granted(store.run_blocking(Add((NewJob("q", "n"),))))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert await waiting(store) == 8


async def test_memory_serves_one_process_without_a_file() -> None:
    store = SqliteStore(":memory:")
    await store.open()
    await add(store, 2)
    assert await waiting(store) == 2
    await store.close()


# -- waking -------------------------------------------------------------------------------------------------


async def test_a_waiter_hears_what_another_process_adds(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(str(path))  # another connection sees commits as another process would
    await other.open()
    topic = topics.ready("q")
    await add(store)
    assert await other.wait([topic], SECOND_MS) == {topic}
    waiter = asyncio.create_task(other.wait([topic], 10 * SECOND_MS))
    await other.wait([topic], 0)
    assert await other.wait([topic], 1) == frozenset()
    began = time.monotonic()
    await add(store)
    await waiter
    assert time.monotonic() - began < 5
    await other.close()


async def test_nothing_that_moves_between_two_waits_is_missed(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(str(path))
    await other.open()
    topic = topics.ready("q")
    await other.wait([topic], 0)
    await add(store)  # nobody waits now
    began = time.monotonic()
    assert await other.wait([topic], 10 * SECOND_MS) == {topic}
    assert time.monotonic() - began < 5
    await other.close()


# -- a full disk --------------------------------------------------------------------------------------------


async def test_a_full_disk_refuses_adds_and_loses_nothing(path: Path) -> None:
    store = SqliteStore(str(path), page_max=120)
    await store.open()
    accepted: list[JobRef] = []
    while True:
        reply = await store.run(Add((NewJob("q", "n", data='"' + "x" * 10_000 + '"'),)))
        if isinstance(reply, StorageFull):
            break
        accepted += granted(reply).jobs
        assert len(accepted) < 1_000
    assert reply.retryable
    records = granted(await store.run(Get(tuple(accepted)))).jobs
    assert all(record is not None and record.state == "waiting" for record in records)
    await store.close()
    raw = apsw.Connection(str(path))
    assert raw.execute("pragma integrity_check").fetchall() == [("ok",)]
    raw.close()


async def test_work_goes_on_when_there_is_room_again(path: Path) -> None:
    store = SqliteStore(str(path), page_max=120)
    await store.open()
    while not isinstance(await store.run(Add((NewJob("q", "n", data='"' + "x" * 10_000 + '"'),))), StorageFull):
        pass
    total = await waiting(store)
    await store.close()
    roomy = SqliteStore(str(path))
    await roomy.open()
    done = 0
    while leases := granted(await roomy.run(Claim((Source("q"),), 10, f"t{done}", 30_000))).leases:
        await roomy.run(Settle(tuple(settle(lease, Done(), 0.0) for lease in leases)))
        done += len(leases)
    assert done == total
    await roomy.close()


async def test_what_was_submitted_before_the_close_is_done(path: Path) -> None:
    store = SqliteStore(str(path))
    await store.open()
    calls = [asyncio.create_task(store.run(Add((NewJob("q", "n"),)))) for _ in range(50)]
    await asyncio.sleep(0)  # they are submitted, and none has left yet
    await store.close()
    assert len({granted(reply).jobs for reply in await asyncio.gather(*calls)}) == 50
    again = SqliteStore(str(path))
    await again.open()
    assert await waiting(again) == 50
    await again.close()


async def test_the_log_is_moved_into_the_file_while_work_goes_on(store: SqliteStore, path: Path) -> None:
    for _ in range(60):
        granted(await store.run(Add(tuple(NewJob("q", "n", '"' + "x" * 1_000 + '"') for _ in range(100)))))
    size = path.stat().st_size
    deadline = time.monotonic() + 10
    while size < 1 << 20 and time.monotonic() < deadline:
        await store.run(Queues())
        size = path.stat().st_size
    assert size >= 1 << 20  # the rest may still be in the log


def test_a_lane_outlives_the_loop_that_opened_it(path: Path) -> None:
    store = SqliteStore(str(path))
    asyncio.run(store.open())
    for _ in range(3):
        granted(store.run_blocking(Add((NewJob("q", "n"),))))
    assert granted(store.run_blocking(Count(("q",)))).queues["q"]["waiting"] == 3
    asyncio.run(store.close())
