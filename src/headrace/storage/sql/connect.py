"""Opening the file of a SQLite store: checks that name what is wrong, settings, schema."""

import os
import time
from pathlib import Path
from typing import Any, Final

import apsw

from headrace.core.errors import CannotOpen, Misuse, SchemaTooNew
from headrace.storage.sql.lite.capacity import stored_key
from headrace.storage.sql.script import load, schemas

IDENTITY: Final = load("identity")
APPLICATION_ID: Final = 0x48445243  # "HDRC": other programs' databases are left alone
SAFE_SQLITE: Final = (3, 51, 3)  # older ones can corrupt a WAL file that several processes write
BUSY_MAX: Final = 3_000  # tries, the later ones 5 ms apart: about 15 s
CACHE_KIB: Final = 4_096  # the kernel caches the file as well
STATEMENTS_MAX: Final = 256


def connect(path: str, *, is_read_only: bool = False, page_max: int | None = None) -> apsw.Connection:
    """A connection to the file, with the settings that the store relies on: `CannotOpen` if there can be none."""
    _check_place(path)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    try:
        db = apsw.Connection(path, flags=flags, statementcachesize=STATEMENTS_MAX)
        db.set_busy_handler(wait_while_busy)
        _own_version(db, path)  # before the first setting: the journal mode is kept in the file
        _configure(db, is_read_only=is_read_only, page_max=page_max)
    except apsw.NotADBError:
        raise CannotOpen(path=path, problem="the file is not a SQLite database; choose another name") from None
    except apsw.Error as error:
        raise CannotOpen(path=path, problem=str(error)) from error
    return db


def migrate(db: apsw.Connection, path: str) -> None:
    """Bring the schema up to date, all steps in one transaction; other processes wait for it."""
    known = schemas("sqlite")
    if _version(db, path) == known[-1][0]:
        return
    try:
        db.execute("begin immediate")
        found = _version(db, path)  # another process may have been quicker
        for number, text in known:
            if number > found:
                db.execute(text)
        db.execute(f"pragma application_id = {APPLICATION_ID}")
        db.execute(f"pragma user_version = {known[-1][0]}")
        db.execute("commit")
    except apsw.SQLError as error:  # most likely a name that is new in this version, and was free until now
        problem = f"its tables are of an older version, and nothing was changed: {error}; rename yours"
        raise CannotOpen(path=path, problem=problem) from error
    except apsw.Error as error:
        raise CannotOpen(path=path, problem=str(error)) from error
    finally:
        if db.in_transaction:
            db.execute("rollback")


def check_current(db: apsw.Connection, path: str) -> None:
    """`Misuse` if the file has not the tables of this version yet: a connection of the caller's changes no schema."""
    if _version(db, path) != schemas("sqlite")[-1][0]:
        raise Misuse(f"{path} has not the tables of this version yet; open the app once before: await app.open()")


def _check_place(path: str) -> None:
    if tuple(map(int, apsw.sqlite_lib_version().split("."))) < SAFE_SQLITE:
        raise CannotOpen(path=path, problem="this apsw carries an unsafe SQLite; pip install --upgrade apsw")
    if path == ":memory:":
        return
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise CannotOpen(path=path, problem=f"the directory {folder} does not exist; create it, or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotOpen(path=path, problem=f"the directory {folder} is not writable; SQLite keeps files beside it")
    if Path(path).is_dir():
        raise CannotOpen(path=path, problem="it is a directory; name a file")
    if Path(path).exists() and not os.access(path, os.R_OK | os.W_OK):
        raise CannotOpen(path=path, problem="the file is not writable; mend its permissions")


def _configure(db: apsw.Connection, *, is_read_only: bool, page_max: int | None) -> None:
    # Without this, statements whose plan looked at a parameter are prepared again at each call: 40 µs.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    db.execute("pragma journal_mode = wal").fetchall()
    db.execute("pragma synchronous = normal")  # `disk.py` syncs what is acknowledged
    db.execute("pragma temp_store = memory")
    db.execute(f"pragma cache_size = -{CACHE_KIB}")
    db.create_scalar_function("key_of", _key_of, 2, deterministic=True)
    if is_read_only:
        db.execute("pragma query_only = on")
    if page_max is not None:
        db.execute(f"pragma max_page_count = {page_max}").fetchall()


def _key_of(*arguments: Any) -> str:
    """A function of SQL: by which key a job stands, from the member that has it and the data."""
    return stored_key(*arguments)


def _version(db: apsw.Connection, path: str) -> int:
    version = _own_version(db, path)
    known = schemas("sqlite")[-1][0]
    if version > known:
        raise SchemaTooNew(path=path, found=version, known=known)
    return version


def _own_version(db: apsw.Connection, path: str) -> int:
    found: tuple[Any, ...] = db.execute(IDENTITY.identity).fetchall()[0]
    application, version, tables = map(int, found)
    if application != APPLICATION_ID and (tables or version):
        problem = "it is another program's database; choose a new file, and let Headrace be the first in it"
        raise CannotOpen(path=path, problem=problem)
    return version


def wait_while_busy(tries: int) -> bool:
    """Wait a little for a lock that another process has, unless that was tried too often."""
    # Short waits at first: a commit of another process takes some hundred microseconds.
    time.sleep(min(0.000_2 * (tries + 1), 0.005))
    return tries < BUSY_MAX
