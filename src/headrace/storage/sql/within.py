"""The store inside a transaction of the caller's: what is asked for happens when the caller commits, or never."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import apsw

from headrace.core.commands import Command
from headrace.core.errors import Misuse
from headrace.storage.protocol import Clock
from headrace.storage.sql.attempt import Attempt
from headrace.storage.sql.connect import check_current
from headrace.storage.sql.lite import Ledger, apply

_SECOND_SQLITE: Final = (
    "{} is no apsw.Connection. A connection of another module, such as sqlite3, brings a SQLite of its own, and two of"
    " them in one process can destroy a file; open yours with apsw.Connection(…)"
)


class WithinSqlite:
    """Applies commands through the caller's connection, at once, in the caller's thread; each `run` all or none.

    A refusal undoes nothing of the caller's, nor does an error: that is the caller's to decide.
    """

    def __init__(self, connection: object, path: str, clock: Clock) -> None:
        """`Misuse` if the connection is not one of apsw to the file of the store, or that has no tables yet."""
        if not isinstance(connection, apsw.Connection):
            raise Misuse(_SECOND_SQLITE.format(type(connection).__name__))
        if not _is_same(connection.filename, path):
            raise Misuse(f"the connection is to {connection.filename or 'memory'}, and the jobs are in {path}")
        self._db = connection
        self._clock = clock
        with self._plain():
            check_current(connection, path)

    async def open(self) -> None:
        """It is the caller's, and open."""

    async def close(self) -> None:
        """It is the caller's, and stays open."""

    async def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`; `Misuse` if no transaction is open. It never waits, so it needs no event loop."""
        if not self._db.in_transaction:
            raise Misuse("no transaction is open on the connection: what should this be committed with? Begin one")
        replies: tuple[Any, ...] = ()
        attempt = Attempt()
        with attempt, self._plain(), self._db:  # a connection as a context is a savepoint
            ledger = Ledger(self._db, self._clock())
            ledger.is_alone = True
            replies = tuple([apply(ledger, command) for command in commands])
            ledger.flush()
        if attempt.error is not None:
            raise attempt.error
        return replies[0] if len(commands) == 1 else replies

    async def wait(self, topics: Collection[str], timeout_ms: int) -> NoReturn:
        """A transaction that waits for others would wait for ever."""
        del topics, timeout_ms
        raise Misuse("one cannot wait inside a transaction; commit, and wait outside")

    @contextmanager
    def _plain(self) -> Generator[None]:
        """Rows as they are, whatever the caller makes of rows."""
        traced, self._db.row_trace = self._db.row_trace, None
        try:
            yield
        finally:
            self._db.row_trace = traced


def _is_same(file: str, path: str) -> bool:
    try:
        return bool(file) and Path(file).samefile(path)
    except OSError:
        return False  # there is no such file yet
