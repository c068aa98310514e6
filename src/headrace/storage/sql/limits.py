"""What the disk of a folder can do at best, with nothing of ours in the way. Each measures for a moment only."""

import json
import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import apsw

from headrace.storage.sql.script import load

SQL: Final = load("limits")
MOMENT_S: Final = 0.25
LONE_COMMITS: Final = 25
PAUSE_S: Final = (0.005, 0.025)  # before something happens to an idle process, drawn
SMALL_JOB: Final = ("nothing", '{"n":12345}')


def rows_per_second(folder: Path, rows: int, *, seconds: float = MOMENT_S) -> float:
    """Rows of a small job inserted into a SQLite file, `rows` a transaction, each committed with FULL."""
    name, data = SMALL_JOB
    step: dict[str, str] = {"name": name, "data": data} if rows == 1 else {"rows": json.dumps([SMALL_JOB] * rows)}
    with _file(folder) as db:
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds:
            db.execute(SQL.row if rows == 1 else SQL.rows, step)
            count += rows
        return count / spent


def lone_commit_ms(folder: Path) -> float:
    """The time of one row committed with FULL after a pause, in which disk, processor and caches went to sleep."""
    name, data = SMALL_JOB
    spans: list[float] = []
    with _file(folder) as db:
        for _ in range(LONE_COMMITS):
            time.sleep(random.uniform(*PAUSE_S))
            start = time.perf_counter()
            db.execute(SQL.row, {"name": name, "data": data})
            spans.append(time.perf_counter() - start)
    return median(spans) * 1000


@contextmanager
def _file(folder: Path) -> Generator[apsw.Connection]:
    path = folder / "limit.db"
    db = apsw.Connection(str(path))
    try:
        db.execute(SQL.journal).fetchall()
        for step in (SQL.durable, SQL.checkpoint, SQL.table):
            db.execute(step).fetchall()
        yield db
    finally:
        db.close()
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
