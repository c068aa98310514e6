"""The world of the scenes in a file, and a store on a copy of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.commands import Command
from headrace.storage.sql.connect import connect
from headrace.storage.sql.sqlite import SqliteStore
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk
from tests.crash.scenes import calls, world
from tests.crash.tables import copied, faults, rows

NAME = "jobs.db"


@dataclass
class Base:
    """The file before any call, its rows, the calls, and the time."""

    path: Path
    rows: dict[str, list[Any]]
    calls: dict[str, tuple[Command[Any], ...]]
    now: int

    def copy(self, folder: Path) -> Path:
        return copied(self.path, folder)

    @asynccontextmanager
    async def store(self, path: Path) -> AsyncIterator[SqliteStore]:
        """A store on this file, at the time of the calls."""
        store = SqliteStore(str(path), clock=FrozenClock(self.now))
        await store.open()
        try:
            yield store
        finally:
            await store.close()


def made(folder: Path) -> Base:
    """The world, the same each time."""
    clock = FrozenClock()

    async def make() -> dict[str, tuple[Command[Any], ...]]:
        store = SqliteStore(str(folder / NAME), clock=clock)
        await store.open()
        known = await world(Desk(store), clock)
        await store.close()
        return calls(known)

    found = asyncio.run(make())
    return Base(folder / NAME, recovered(folder / NAME), found, clock.now)


def recovered(path: Path) -> dict[str, list[Any]]:
    """All rows of a file that somebody left behind; they must keep every rule."""
    db = connect(str(path))
    try:
        assert faults(db) == []
        return rows(db)
    finally:
        db.close()
