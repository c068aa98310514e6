"""What the service knows: subdomains and how far each has come, in an SQLite file of its own.

This is the application's database, not the queue's. It must be another file: one process must not open one SQLite
file with two SQLite libraries, and Headrace brings its own.
"""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["pending", "active", "error"]

TABLE = """
CREATE TABLE IF NOT EXISTS records (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    value  TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'error'))
)
"""


class DuplicateRecord(Exception):
    """There is a record of this name already."""


class UnknownRecord(Exception):
    """There is no record of this name."""


class Record(NamedTuple):
    id: int
    name: str
    value: str
    status: Status


class Records:
    """The table of records. Each call opens a connection of its own, so any thread may make it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as database:
            database.execute(TABLE)

    def add(self, name: str, value: str) -> int:
        """The id of the new record, which is pending; `DuplicateRecord` if the name is taken."""
        with self._transaction() as database:
            try:
                row = database.execute("INSERT INTO records VALUES (NULL, ?, ?, 'pending')", (name, value))
            except sqlite3.IntegrityError:
                raise DuplicateRecord(f"there is a record {name} already") from None
            assert row.lastrowid is not None
            return row.lastrowid

    def set_status(self, record_id: int, status: Status) -> None:
        with self._transaction() as database:
            database.execute("UPDATE records SET status = ? WHERE id = ?", (status, record_id))

    def change(self, name: str, value: str) -> None:
        """Give a record another value, which is pending; `UnknownRecord` if there is none."""
        self._update("value = ?, status = 'pending'", value, name=name)

    def activate(self, name: str) -> None:
        """Mark a record active; `UnknownRecord` if there is none."""
        self._update("status = ?", "active", name=name)

    def remove(self, name: str) -> None:
        """Take a record away; none is there afterwards, however often this is said."""
        with self._transaction() as database:
            database.execute("DELETE FROM records WHERE name = ?", (name,))

    def _update(self, assignments: str, value: str, *, name: str) -> None:
        with self._transaction() as database:
            row = database.execute(f"UPDATE records SET {assignments} WHERE name = ?", (value, name))
            if not row.rowcount:
                raise UnknownRecord(f"there is no record {name}")

    def find(self, name: str) -> Record | None:
        with self._transaction() as database:
            row = database.execute("SELECT id, name, value, status FROM records WHERE name = ?", (name,)).fetchone()
            return None if row is None else Record(*row)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            yield connection
