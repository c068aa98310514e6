"""Where jobs live. `open(url)` alone knows the engines by name, and imports only the one it needs."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from headrace.core.checks import FileFacts
from headrace.core.errors import BadUrl
from headrace.core.servers import ServerFacts
from headrace.core.settings import masked
from headrace.storage.protocol import BareServer, Clock, Storage

COMPLETE: Final = frozenset({"memory", "sqlite", "redis"})
"""The engines on which every command has its home."""

_REDIS: Final = ("redis", "rediss", "valkey", "valkeys")


def open(url: str, *, prefix: str | None = None, clock: Clock | None = None) -> Storage:
    """The store at `url`, not yet opened: `memory://`, `sqlite:///path/to/file.db`, `postgresql://…`, `redis://…`.

    `sqlite:///:memory:` lives as long as the store. `prefix` separates several apps on one PostgreSQL (a schema) or
    Redis (a key prefix) and is refused elsewhere. Raises `BadUrl` before anything is touched.
    """
    scheme, sign, rest = url.partition("://")
    if not sign:
        raise BadUrl(url=url, problem="has no scheme; write sqlite:///path/to/file.db, for instance")
    match scheme:
        case "memory":
            return _memory(url, rest, prefix, clock)
        case "sqlite":
            return _sqlite(url, rest, prefix, clock)
        case _ if scheme.partition("+")[0] in _REDIS:
            return _redis(url, prefix, clock)
        case "postgresql" | "postgres":
            raise BadUrl(url=masked(url), problem=f"names an engine that is not finished yet: {scheme}; use sqlite:///")
        case _:
            known = f"memory, sqlite, {', '.join(_REDIS)}, and these with +sentinel or +cluster"
            raise BadUrl(url=masked(url), problem=f"has the unknown scheme {scheme!r}; known are {known}")


def file_of(url: str) -> str | None:
    """The path of the file that the store at `url` has, whether or not it is there; None for one without a file."""
    path = url.removeprefix("sqlite:///")
    return None if path in (url, ":memory:") else path


async def inspect(url: str, prefix: str | None = None) -> FileFacts | ServerFacts | None:
    """What can be learned of the file or the server at `url` without opening the store; None where there is neither."""
    path = file_of(url)
    if path is not None:
        from headrace.storage.sql.inspect import inspect

        return await asyncio.to_thread(inspect, path)
    return await inspect_server(url, prefix)


async def inspect_server(url: str, prefix: str | None = None) -> ServerFacts | None:
    """The same of a server, None for a store that has none."""
    if not has_server(url):
        return None
    from headrace.storage.redis import PREFIX
    from headrace.storage.redis.inspect import inspect

    return await inspect(url, PREFIX if prefix is None else prefix)


def rows_per_second(folder: Path, rows: int) -> float:
    """How many small rows SQLite alone commits durably to a file in this folder in a second, `rows` at once."""
    from headrace.storage.sql import limits

    return limits.rows_per_second(folder, rows)


def lone_commit_ms(folder: Path) -> float:
    """How long one durable commit takes there after a pause."""
    from headrace.storage.sql import limits

    return limits.lone_commit_ms(folder)


def has_server(url: str) -> bool:
    """Whether the store at `url` is on a server of the kind that `bare` knows."""
    return url.partition("://")[0].partition("+")[0] in _REDIS


def bare(url: str, prefix: str | None, name: str) -> AbstractAsyncContextManager[BareServer]:
    """The Redis at `url` itself, for keys under `name` below the prefix of the store; they are gone afterwards."""
    _redis(url, prefix, None)  # says what is wrong with them, if anything is
    from headrace.storage.redis import PREFIX
    from headrace.storage.redis.bare import Bare

    return Bare(url, f"{PREFIX if prefix is None else prefix}:{name}")


def _memory(url: str, rest: str, prefix: str | None, clock: Clock | None) -> Storage:
    from headrace.storage.memory import MemoryStore

    if rest or prefix:
        raise BadUrl(url=url, problem="must be just memory://, without a prefix")
    return MemoryStore(clock=clock)


def _sqlite(url: str, rest: str, prefix: str | None, clock: Clock | None) -> Storage:
    from headrace.storage.sql.sqlite import SqliteStore

    if prefix:
        raise BadUrl(url=url, problem="takes no prefix; use another file for another app")
    if not rest.startswith("/") or rest == "/" or "?" in rest:
        raise BadUrl(url=url, problem="must be sqlite:/// and a path (four slashes for an absolute one), nothing else")
    return SqliteStore(rest[1:], clock=clock)


def _redis(url: str, prefix: str | None, clock: Clock | None) -> Storage:
    try:
        from headrace.storage.redis import RedisStore
    except ModuleNotFoundError as missing:
        package = (missing.name or "hiredis").partition(".")[0]
        problem = f"needs the package {package}; install it with: pip install 'headrace[redis]'"
        raise BadUrl(url=masked(url), problem=problem) from None
    return RedisStore(url, clock=clock) if prefix is None else RedisStore(url, prefix=prefix, clock=clock)
