"""What the machine can do at best, with nothing of ours in the way. Each measures for a moment only."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Final

import apsw

MOMENT_S: Final = 0.25
TASKS: Final = 100  # made at once, as a worker of that concurrency makes them
LONE_COMMITS: Final = 25
PAUSE_S: Final = (0.005, 0.025)  # before something happens to an idle process, drawn
SMALL_JOB: Final = ("nothing", '{"n":12345}')


def rows_per_second(folder: Path, rows: int, *, seconds: float = MOMENT_S) -> float:
    """Rows of a small job inserted into a SQLite file, `rows` a transaction, each committed with FULL."""
    path = folder / f"limit-{rows}.db"
    db = apsw.Connection(str(path))
    try:
        db.execute("pragma journal_mode = wal").fetchall()
        db.execute("pragma synchronous = full")
        db.execute("pragma wal_autocheckpoint = 2000").fetchall()
        db.execute("create table if not exists jobs (key integer primary key, name text, data text)")
        if rows == 1:
            sql, given = "insert into jobs (name, data) values (?, ?)", SMALL_JOB
        else:
            sql = "insert into jobs (name, data) select value ->> 0, value ->> 1 from json_each(?)"
            given = (json.dumps([SMALL_JOB] * rows),)  # type: ignore[assignment]
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds:
            db.execute(sql, given)
            count += rows
        return count / spent
    finally:
        db.close()
        for file in folder.glob(f"{path.name}*"):
            file.unlink()


def lone_commit_ms(folder: Path) -> float:
    """The time of one row committed with FULL after a pause, in which disk, processor and caches went to sleep."""
    path = folder / "limit-lone.db"
    db = apsw.Connection(str(path))
    spans: list[float] = []
    try:
        db.execute("pragma journal_mode = wal").fetchall()
        db.execute("pragma synchronous = full")
        db.execute("create table jobs (key integer primary key, name text, data text)")
        for _ in range(LONE_COMMITS):
            time.sleep(random.uniform(*PAUSE_S))
            start = time.perf_counter()
            db.execute("insert into jobs (name, data) values (?, ?)", SMALL_JOB)
            spans.append(time.perf_counter() - start)
    finally:
        db.close()
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
    return median(spans) * 1000


def task_us() -> float:
    """The time in which asyncio makes a task that does nothing, runs it, and tells its end."""

    async def nothing() -> None:
        pass

    async def measure() -> float:
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < MOMENT_S:
            await asyncio.gather(*(nothing() for _ in range(TASKS)))
            count += TASKS
        return spent / count * 1e6

    return asyncio.run(measure())


def hand_over_us() -> float:
    """The time for which a loop waits when it asks a thread for nothing: there and back again."""
    asked: SimpleQueue[asyncio.Future[None] | None] = SimpleQueue()

    async def measure() -> float:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=serve, args=(loop,))
        thread.start()
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < MOMENT_S:
            future: asyncio.Future[None] = loop.create_future()
            asked.put(future)
            await future
            count += 1
        asked.put(None)
        thread.join()
        return spent / count * 1e6

    def serve(loop: asyncio.AbstractEventLoop) -> None:
        while (future := asked.get()) is not None:
            loop.call_soon_threadsafe(future.set_result, None)

    return asyncio.run(measure())


def seconds_of_python(code: str) -> float:
    """The time of a fresh interpreter that runs this and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start
