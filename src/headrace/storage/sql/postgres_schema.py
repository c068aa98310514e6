"""Connections to PostgreSQL as the store needs them, and the schema, made or brought up to date when it is opened."""

import re
from functools import cache
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, sql
from psycopg.conninfo import conninfo_to_dict

from headrace.core.errors import CannotOpen, SchemaTooNew
from headrace.storage.sql.script import schemas

VERSION_MIN: Final = 14
CONNECT_S: Final = 10
OPTIONS: Final[dict[str, Any]] = {
    "autocommit": True,
    "prepare_threshold": 0,  # every text of ours is sent often
    "cursor_factory": AsyncRawCursor,
    "connect_timeout": CONNECT_S,
}

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]


@cache
def steps() -> dict[str, bytes]:
    """The texts of `0000_session.postgres.sql`, by name."""
    _, *parts = re.split(r"^-- step: (\w+)$", schemas("postgres")[0][1], flags=re.MULTILINE)
    return {name: text.strip().rstrip(";").encode() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def named(step: str, schema: str) -> bytes:
    """A text with the name of the schema in it."""
    return steps()[step].replace(b"{}", sql.Identifier(schema).as_bytes(None))


async def execute(connection: Connection, text: bytes, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement; texts come from files, so that none is built of data."""
    cursor = await connection.execute(text, parameters or None)
    return await cursor.fetchall() if cursor.description else []


async def configure(connection: Connection, schema: str) -> None:
    """Let a new connection work in `schema`, under the settings that keep plans as they are meant."""
    await execute(connection, steps()["settings"], schema)


async def migrate(url: str, schema: str) -> None:
    """Make the schema, or bring it up to date, in one transaction; others who open it wait for that.

    Raises `CannotOpen` when the server is not there, too old, or refuses; `SchemaTooNew`.
    """
    place = place_of(url, schema)
    try:
        async with await AsyncConnection.connect(url, **OPTIONS) as connection:
            await configure(connection, schema)
            await _check_version(connection, place)
            async with connection.transaction():
                await execute(connection, steps()["lock"], schema)
                await _apply(connection, schema, place)
    except psycopg.Error as error:
        raise CannotOpen(path=place, problem=str(error).strip() or type(error).__name__) from error


def place_of(url: str, schema: str) -> str:
    """Where a store is, as people may read it: without the password."""
    parts = conninfo_to_dict(url)
    return f"postgresql://{parts.get('host', '')}:{parts.get('port', 5432)}/{parts.get('dbname', '')} schema {schema}"


async def _check_version(connection: Connection, place: str) -> None:
    ((version,),) = await execute(connection, steps()["version"])
    if version // 10_000 < VERSION_MIN:
        problem = f"the server is PostgreSQL {version // 10_000}; Headrace needs {VERSION_MIN} or newer"
        raise CannotOpen(path=place, problem=problem)


async def _apply(connection: Connection, schema: str, place: str) -> None:
    ((exists,),) = await execute(connection, steps()["schema"], schema)
    if not exists:
        await connection.execute(named("create", schema))
    ((is_begun,),) = await execute(connection, steps()["ledger"])
    ((found,),) = await execute(connection, steps()["found"]) if is_begun else [(0,)]
    numbered = schemas("postgres")[1:]
    if found > numbered[-1][0]:
        raise SchemaTooNew(path=place, found=found, known=numbered[-1][0])
    for number, text in numbered:
        if number > found:
            await connection.execute(text.encode(), prepare=False)  # several statements
            await execute(connection, steps()["applied"], number)
