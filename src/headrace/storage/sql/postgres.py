"""The store on PostgreSQL: a statement a command, a transaction a call."""

from collections.abc import Collection
from typing import Any, Final, TypeAlias, cast, overload

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from headrace.core.commands import Command
from headrace.core.errors import BadUrl, CannotOpen, Misuse, Refused, StorageFull, Unavailable
from headrace.storage.protocol import A, B, C, Clock
from headrace.storage.sql.postgres_calls import Call, Rows, Statement, call
from headrace.storage.sql.postgres_schema import CONNECT_S, OPTIONS, Connection, configure, execute, migrate, place_of
from headrace.storage.sql.postgres_wake import Bell

POOL_MIN: Final = 1
POOL_MAX: Final = 8
TRIES: Final = 10  # for a call that loses a race, each time to another winner
PREFIX_MAX: Final = 63  # bytes: what PostgreSQL keeps of a name

Pool: TypeAlias = AsyncConnectionPool[Connection]


class PostgresStore:
    """A store in the schema `prefix` of a database. Any number of processes may open it.

    A commit is on the disk of the server before it is acknowledged, as far as its `synchronous_commit` says so.
    `clock` is for tests; without it only the server's clock decides.
    """

    def __init__(self, url: str, *, prefix: str = "headrace", clock: Clock | None = None) -> None:
        if not 0 < len(prefix.encode()) <= PREFIX_MAX or "\0" in prefix:
            raise Misuse(f"the prefix {prefix!r} must be the name of a schema, of at most {PREFIX_MAX} bytes")
        try:
            self._place = place_of(url, prefix)
        except psycopg.ProgrammingError as error:
            raise BadUrl(url=url.partition("@")[2] or url, problem=str(error).strip()) from None
        self._url, self._prefix, self._clock = url, prefix, clock
        self._pool: Pool | None = None
        self._bell: Bell | None = None

    async def open(self) -> None:
        """Connect, and create or migrate the schema; see `Storage.open`."""
        if self._pool is not None:
            return
        await migrate(self._url, self._prefix)
        pool = cast(
            Pool,
            AsyncConnectionPool(
                self._url, kwargs=OPTIONS, min_size=POOL_MIN, max_size=POOL_MAX, configure=self._configure, open=False
            ),
        )
        bell = Bell(self._url, self._prefix)
        try:
            await pool.open(wait=True, timeout=CONNECT_S)
            await bell.open()
        except psycopg.Error as error:
            await pool.close()
            raise CannotOpen(path=self._place, problem=str(error).strip()) from error
        self._pool, self._bell = pool, bell

    async def close(self) -> None:
        """Give the connections back; see `Storage.close`."""
        pool, bell, self._pool, self._bell = self._pool, self._bell, None, None
        if bell is not None:
            await bell.close()
        if pool is not None:
            await pool.close()

    @overload
    async def run(self, command: Command[A], /) -> A | Refused: ...
    @overload
    async def run(self, first: Command[A], second: Command[B], /) -> tuple[A | Refused, B | Refused]: ...
    @overload
    async def run(
        self, first: Command[A], second: Command[B], third: Command[C], /
    ) -> tuple[A | Refused, B | Refused, C | Refused]: ...
    @overload
    async def run(self, *commands: Command[A]) -> tuple[A | Refused, ...]: ...
    async def run(self, *commands: Command[Any]) -> Any:
        """Apply commands in order; see `Storage.run`."""
        now = self._clock() if self._clock else None
        calls = [call(command, now) for command in commands]
        if self._pool is None or self._bell is None:
            raise Unavailable(problem="it is not open")
        moved: set[str] = set()
        replies = await self._run(self._pool, calls, moved)
        self._bell.ring(moved)
        return replies[0] if len(commands) == 1 else tuple(replies)

    async def wait(self, topics: Collection[str], timeout_ms: int) -> frozenset[str]:
        """The topics that may have moved; see `Storage.wait`."""
        if self._bell is None:
            return frozenset()
        return await self._bell.wait(topics, timeout_ms)

    async def _configure(self, connection: Connection) -> None:
        await configure(connection, self._prefix)

    async def _run(self, pool: Pool, calls: list[Call], moved: set[str]) -> list[Any]:
        """First the short way, one round trip; where that loses a race, step by step."""
        is_short = all(call.is_final for call in calls[:-1])
        lost: psycopg.Error | None = None
        for _ in range(TRIES):
            try:
                async with pool.connection() as connection:
                    way = _in_one_go if is_short else _step_by_step
                    return await way(connection, calls, moved)
            except (errors.DeadlockDetected, errors.SerializationFailure) as error:
                lost = error
            except (errors.UniqueViolation, errors.DiskFull) as error:
                lost, is_short = error, False
            except errors.DataError as error:
                raise Misuse(f"PostgreSQL cannot take this: {error}") from error
            except (psycopg.Error, PoolTimeout) as error:
                raise Unavailable(problem=str(error).strip() or type(error).__name__) from error
        raise Unavailable(problem=f"it lost {TRIES} races in a row, the last with: {lost}") from lost


async def _in_one_go(connection: Connection, calls: list[Call], moved: set[str]) -> list[Any]:
    """All statements in one round trip, without BEGIN and COMMIT: up to the end of a pipeline, they are a transaction.

    Only the last call may need another look at the world; that is then a transaction of its own.
    """
    answers = iter(await _rows(connection, [statement for call in calls for statement in call.statements]))
    replies = [call.read([row for _ in call.statements for row in next(answers)], moved) for call in calls]
    if replies and isinstance(replies[-1], Call):
        replies[-1:] = await _step_by_step(connection, replies[-1:], moved)
    return replies


async def _step_by_step(connection: Connection, calls: list[Call], moved: set[str]) -> list[Any]:
    """Each call under a savepoint in one transaction, as often as it asks for and as it loses races."""
    async with connection.transaction():
        return [await _settled(connection, call, moved) for call in calls]


async def _settled(connection: Connection, call: Call, moved: set[str]) -> Any:
    lost: psycopg.Error | None = None
    for _ in range(TRIES):
        try:
            async with connection.transaction() as savepoint:
                reply: Any = call
                while isinstance(reply, Call):
                    reply = reply.read(await _in_order(connection, reply.statements), moved)
                if isinstance(reply, Refused):
                    raise psycopg.Rollback(savepoint)
            return reply
        except errors.UniqueViolation as error:
            lost = error
        except errors.DiskFull as error:
            return StorageFull(problem=str(error).strip())
    raise Unavailable(problem=f"it lost {TRIES} races in a row, the last with: {lost}") from lost


async def _in_order(connection: Connection, statements: list[Statement]) -> Rows:
    return [row for s in statements for row in await execute(connection, s.text, *s.parameters)]


async def _rows(connection: Connection, statements: list[Statement]) -> list[Rows]:
    if len(statements) == 1:
        return [await execute(connection, statements[0].text, *statements[0].parameters)]
    async with connection.pipeline():
        cursors = [await connection.execute(s.text, s.parameters) for s in statements]
    return [await cursor.fetchall() for cursor in cursors]
