"""The service's own SQLite file, through apsw: the SQLite that Headrace brings.

It may so be the file in which Headrace keeps the jobs, and a row and its job be committed together (`better.py`). With
the `sqlite3` of Python it must be another file: two SQLite libraries in one process can destroy a file that they share.
"""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from time import sleep

import apsw

BUSY_S, WAIT_S = 60, 0.02


class Database:
    """Tables in a file. Each transaction has a connection of its own, so any thread may begin one."""

    def __init__(self, path: Path, tables: str) -> None:
        self._path, self._tables = path, tables

    @contextmanager
    def transaction(self) -> Generator[apsw.Connection]:
        """What is done in the block is committed at its end, and undone if it raises; other writers wait meanwhile."""
        with closing(apsw.Connection(str(self._path))) as db:  # to close it without a commit is to roll back
            db.set_busy_handler(wait)
            db.execute("BEGIN IMMEDIATE")
            db.execute(self._tables)  # not before the first use: Headrace must be the first in a file that it shares
            yield db
            db.execute("COMMIT")


def wait(tries: int) -> bool:
    """Wait a moment for another writer; False if there were too many.

    `set_busy_timeout` waits longer each time, up to 100 ms. So of many writers those that came last are served first,
    and some wait until their time is over: "database is locked".
    """
    sleep(WAIT_S)
    return tries * WAIT_S < BUSY_S
