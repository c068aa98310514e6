"""A look at the file of a SQLite store, for `headrace doctor`: nothing is changed, and nothing is taken for granted."""

import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import apsw

from headrace.core.checks import FileFacts
from headrace.storage.sql.connect import APPLICATION_ID, IDENTITY, SAFE_SQLITE
from headrace.storage.sql.script import load, schemas

SQL: Final = load("inspect")
MOUNTS: Final = Path("/proc/self/mounts")
CHECK_S: Final = 5.0  # what a check of the whole file may take
BUSY_MS: Final = 2_000
STEPS: Final = 10_000  # of SQLite's machine, between two looks at the clock


def inspect(path: str, *, mounts: Path = MOUNTS, check_s: float = CHECK_S) -> FileFacts:
    """What there is to know of the file; `problem` says what kept us from reading it."""
    place = Path(path).absolute()
    facts: dict[str, Any] = {
        "path": str(place),
        "sqlite": tuple(map(int, apsw.sqlite_lib_version().split("."))),
        "sqlite_safe": SAFE_SQLITE,
        "is_writable": os.access(place, os.W_OK) and os.access(place.parent, os.W_OK | os.X_OK),
        "file_system": file_system(place, mounts),
        "free": shutil.disk_usage(place.parent).free,
        "size": place.stat().st_size,
        "wal": _size(place.with_name(f"{place.name}-wal")),
        "schema_known": schemas("sqlite")[-1][0],
    }
    try:
        facts |= _inside(str(place), check_s)
    except apsw.Error as error:
        facts["problem"] = "it is a directory" if place.is_dir() else str(error)
        facts["is_held"] = isinstance(error, apsw.BusyError | apsw.LockedError)
    return FileFacts(**facts)


def file_system(place: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system that a path is on; empty where the system does not say."""
    try:
        lines = mounts.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    kinds: dict[str, str] = {}
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        kinds[point.replace("\\040", " ")] = kind
    return next((kinds[str(folder)] for folder in place.resolve().parents if str(folder) in kinds), "")


def _inside(path: str, check_s: float) -> dict[str, Any]:
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.execute("pragma query_only = on")
        identity: tuple[Any, ...] = db.execute(IDENTITY.identity).fetchall()[0]
        application, schema, tables = identity
        is_ours = application == APPLICATION_ID or not (schema or tables)  # nobody's is going to be ours
        facts: dict[str, Any] = {"schema": schema, "is_ours": is_ours}
        facts["journal"] = _one(db, SQL.journal)
        facts["is_checked"], facts["faults"] = _sound(db, check_s)
        if is_ours and schema and not facts["faults"]:
            facts["janitor_until"] = _one(db, SQL.janitor)
        return facts
    finally:
        db.close()


def _sound(db: apsw.Connection, check_s: float) -> tuple[bool, tuple[str, ...]]:
    """Whether there was time to look at the whole file, and what is wrong with it."""
    end = time.monotonic() + check_s
    db.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        found = [str(row[0]) for row in db.execute(SQL.sound).fetchall()]
    except apsw.InterruptError:
        return False, ()
    except apsw.CorruptError as error:
        return True, (str(error),)
    finally:
        db.set_progress_handler(None)
    return True, tuple(" ".join(line.split()) for line in found if line != "ok")


def _one(db: apsw.Connection, sql: str) -> Any:
    return db.execute(sql).fetchall()[0][0]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
