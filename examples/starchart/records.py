"""What the service knows: subdomains, and how far each has come."""

from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import apsw

from .database import Database

Status: TypeAlias = Literal["pending", "active", "error"]

TABLE = """
CREATE TABLE IF NOT EXISTS subdomains (
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


class Records(Database):
    """The table of records. Each call is a transaction; `insert` and `change` below are for one of the caller's."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, TABLE)

    def add(self, name: str, value: str) -> int:
        """The id of the new record, which is pending; `DuplicateRecord` if the name is taken."""
        with self.transaction() as db:
            return insert(db, name, value)

    def set_status(self, record_id: int, status: Status) -> None:
        with self.transaction() as db:
            db.execute("UPDATE subdomains SET status = ? WHERE id = ?", (status, record_id))

    def change(self, name: str, value: str) -> None:
        """Give a record another value, which is pending; `UnknownRecord` if there is none."""
        with self.transaction() as db:
            change(db, name, value)

    def activate(self, name: str) -> None:
        """Mark a record active; `UnknownRecord` if there is none."""
        with self.transaction() as db:
            db.execute("UPDATE subdomains SET status = 'active' WHERE name = ?", (name,))
            if not db.changes():
                raise UnknownRecord(f"there is no record {name}")

    def remove(self, name: str) -> None:
        """Take a record away; none is there afterwards, however often this is said."""
        with self.transaction() as db:
            db.execute("DELETE FROM subdomains WHERE name = ?", (name,))

    def undo(self, name: str, value: str, former: str | None) -> None:
        """Give a record that has this value its former one back, which is active, or take it away if it had none."""
        with self.transaction() as db:
            if former is None:
                db.execute("DELETE FROM subdomains WHERE name = ? AND value = ?", (name, value))
            else:
                back = "UPDATE subdomains SET value = ?, status = 'active' WHERE name = ? AND value = ?"
                db.execute(back, (former, name, value))

    def find(self, name: str) -> Record | None:
        with self.transaction() as db:
            row = db.execute("SELECT id, name, value, status FROM subdomains WHERE name = ?", (name,)).fetchone()
            return None if row is None else Record(*row)

    def count(self, status: Status) -> int:
        """How many records have come so far."""
        with self.transaction() as db:
            ((found,),) = db.execute("SELECT count(*) FROM subdomains WHERE status = ?", (status,))
            return int(found)


def insert(db: apsw.Connection, name: str, value: str) -> int:
    """As `Records.add`, in a transaction of the caller's."""
    try:
        db.execute("INSERT INTO subdomains VALUES (NULL, ?, ?, 'pending')", (name, value))
    except apsw.ConstraintError:
        raise DuplicateRecord(f"there is a record {name} already") from None
    return db.last_insert_rowid()


def change(db: apsw.Connection, name: str, value: str) -> str:
    """As `Records.change`, in a transaction of the caller's; the value before."""
    row = db.execute("SELECT value FROM subdomains WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownRecord(f"there is no record {name}")
    db.execute("UPDATE subdomains SET value = ?, status = 'pending' WHERE name = ?", (value, name))
    return str(row[0])
