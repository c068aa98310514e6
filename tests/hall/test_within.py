"""Jobs in a transaction of the caller's: with their rows, or not at all."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

import headrace
from headrace.core.commands import Count
from headrace.errors import DuplicateId, JobFailed, Misuse, QueueFull, Unavailable
from headrace.storage.sql.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
async def app(path: Path) -> AsyncIterator[headrace.App]:
    async with headrace.App(f"sqlite:///{path}") as app:
        yield app


@pytest.fixture
def db(app: headrace.App, path: Path) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("create table orders (item text not null)")
        yield db


def orders(db: apsw.Connection) -> list[Any]:
    return [item for (item,) in db.execute("select item from orders")]


def begin(db: apsw.Connection, item: str = "pen") -> None:
    db.execute("begin immediate")
    db.execute("insert into orders values (?)", (item,))


async def waiting(app: headrace.App) -> int:
    return (await app.queue("default").counts())["waiting"]


def receipts(app: headrace.App) -> headrace.Task[[str], str]:
    @app.task
    async def receipt(item: str) -> str:
        if not item:
            raise headrace.Unrecoverable("nothing was bought")
        return f"for {item}"

    return receipt


async def test_limits_and_dedup_keys_hold_in_the_transaction(app: headrace.App, db: apsw.Connection) -> None:
    receipt = receipts(app)
    await app.queue("default").limit(max_waiting=2)
    begin(db)
    once = receipt.call("pen").options(dedup=headrace.Dedup("pen"))
    first = await app.within(db).enqueue(once)
    assert (await app.within(db).enqueue(once)).is_duplicate
    await app.within(db).enqueue(receipt.call("ink"))
    with pytest.raises(QueueFull, match="the queue 'default' is full: 2 jobs may wait"):
        await app.within(db).enqueue(receipt.call("cap"))
    db.execute("commit")
    assert (orders(db), await waiting(app)) == (["pen"], 2)
    assert (await app.enqueue(once)).ref == first.ref


async def test_the_row_and_the_job_are_there_after_the_commit(app: headrace.App, db: apsw.Connection) -> None:
    receipt = receipts(app)
    begin(db)
    job = await app.within(db).enqueue(receipt.call("pen"))
    assert await waiting(app) == 0  # nobody sees it yet
    db.execute("commit")
    assert (orders(db), await waiting(app)) == (["pen"], 1)
    await app.worker().run_until_idle()
    assert await job.result() == "for pen"


async def test_neither_is_there_after_a_rollback(app: headrace.App, db: apsw.Connection) -> None:
    begin(db)
    job = await app.within(db).enqueue(receipts(app).call("pen"))
    db.execute("rollback")
    assert (orders(db), await waiting(app)) == ([], 0)
    with pytest.raises(headrace.errors.NoSuchJob):
        await job.refresh()


async def test_a_worker_that_waits_is_woken_by_the_commit(app: headrace.App, db: apsw.Connection) -> None:
    receipt = receipts(app)
    async with app.worker():
        begin(db)
        job = await app.within(db).enqueue(receipt.call("pen"))
        db.execute("commit")
        assert await job.result(timeout=30) == "for pen"


async def test_a_flow_and_many_calls_are_added(app: headrace.App, db: apsw.Connection) -> None:
    receipt = receipts(app)
    begin(db)
    within = app.within(db)
    root = await within.enqueue(receipt.call("box").after(receipt.call("pen"), receipt.call("")))
    many = await within.enqueue_many([receipt.call("a").after(receipt.call("b")), receipt.call("c")])
    assert await within.enqueue_many([]) == []
    db.execute("commit")
    await app.worker().run_until_idle()
    assert [await job.result() for job in many] == ["for a", "for c"]
    with pytest.raises(JobFailed):
        await root.result()


async def test_a_refusal_leaves_the_transaction_as_it_was(app: headrace.App, db: apsw.Connection) -> None:
    call = receipts(app).call("pen").options(job_id="one").after(receipts(app).call("ink"))
    await app.enqueue(receipts(app).call("other").options(job_id="taken").after(receipts(app).call("x")))
    begin(db)
    with pytest.raises(DuplicateId):
        await app.within(db).enqueue(call.options(job_id="taken"))
    await app.within(db).enqueue(call)
    db.execute("commit")
    assert orders(db) == ["pen"]
    assert (await app.queue("default").counts())["waiting-children"] == 2


async def test_rows_of_the_callers_own_shape_do_not_matter(app: headrace.App, db: apsw.Connection) -> None:
    db.row_trace = lambda cursor, row: {"row": row}
    begin(db)
    await app.within(db).enqueue(receipts(app).call("pen"))
    db.execute("commit")
    assert db.execute("select 1").fetchall() == [{"row": (1,)}]
    assert await waiting(app) == 1


def test_a_program_without_an_event_loop_adds_too(path: Path) -> None:
    app = headrace.App(f"sqlite:///{path}")
    receipt = receipts(app)
    app.open.sync()
    with closing(apsw.Connection(str(path))) as db, db:
        job = app.within(db).enqueue.sync(receipt.call("pen"))
        app.within(db).enqueue_many.sync([receipt.call("ink")])
    assert job.state.sync() == "waiting"
    assert app.queue("default").counts.sync()["waiting"] == 2
    app.close.sync()


async def test_without_a_transaction_nothing_is_written(app: headrace.App, db: apsw.Connection) -> None:
    with pytest.raises(Misuse, match="no transaction"):
        await app.within(db).enqueue(receipts(app).call("pen"))
    assert await waiting(app) == 0


async def test_one_does_not_wait_in_a_transaction(app: headrace.App, path: Path) -> None:
    store = SqliteStore(str(path))
    with closing(apsw.Connection(str(path))) as db:
        within = store.within(db)
        await within.open()
        with pytest.raises(Misuse, match="wait outside"):
            await within.wait(["x"], 1)
        await within.close()
        with db:
            await within.run(Count(("q",)), Count(("r",)))


async def test_only_a_connection_to_the_file_of_the_store_will_do(
    app: headrace.App, tmp_path: Path, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as other, pytest.raises(Misuse, match="can destroy"):
        app.within(other)
    with closing(apsw.Connection(str(tmp_path / "other.db"))) as other, pytest.raises(Misuse, match="the jobs are in"):
        app.within(other)
    elsewhere = headrace.App(f"sqlite:///{tmp_path}/nothing.db")
    with closing(apsw.Connection(str(path))) as other, pytest.raises(Misuse, match="nothing"):
        elsewhere.within(other)
    with closing(apsw.Connection(":memory:")) as other, pytest.raises(Misuse, match="memory"):
        app.within(other)


@pytest.mark.parametrize("url", ["memory://", "sqlite:///:memory:"])
async def test_a_store_without_such_transactions_says_so(url: str, path: Path) -> None:
    async with headrace.App(url) as app:
        with closing(apsw.Connection(str(path))) as db, pytest.raises(Misuse, match=r"SQLite can|use a file"):
            app.within(db)


async def test_a_file_without_tables_is_not_changed(path: Path) -> None:
    app = headrace.App(f"sqlite:///{path}")
    with closing(apsw.Connection(str(path))) as db:
        db.execute("pragma user_version")  # now the file is there
        with db, pytest.raises(Misuse, match="open the app once"):
            app.within(db)
        assert db.execute("select count(*) from sqlite_schema").fetchall() == [(0,)]
    await app.close()


async def test_a_file_that_somebody_else_writes_is_unavailable(
    app: headrace.App, db: apsw.Connection, path: Path
) -> None:
    with closing(apsw.Connection(str(path))) as other:
        other.execute("begin immediate")
        db.execute("begin")
        with pytest.raises(Unavailable):
            await app.within(db).enqueue(receipts(app).call("pen"))
        db.execute("rollback")
        other.execute("rollback")
    assert await asyncio.wait_for(waiting(app), 30) == 0
