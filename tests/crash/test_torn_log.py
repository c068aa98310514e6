"""A server that was killed in the middle of a write: its log ends within a transaction. Later starts find nothing half.

A large write goes to the file page by page, and SIGKILL comes between two of them once in some thousand times. Here the
file is cut by hand. See `docs/howto/redis-safety.md` for what a server does about it, and what it must be told.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.core.commands import Add, Claim, Settle, Source
from headrace.core.jobs import JobRecord, Lease, NewJob
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.core.servers import durable
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from headrace.storage.redis.inspect import inspect
from headrace.testing import FrozenClock
from tests.crash.key_rules import faults
from tests.crash.keys import snapshot
from tests.crash.redis_base import texts
from tests.history.final import final_of
from tests.servers import redis7, valkey
from tests.servers.available import or_skip

PREFIX = "torn"
JOBS = 3
CUTS = 9
BEGIN = b"*1\r\n$5\r\nMULTI\r\n"
ENGINES = pytest.mark.parametrize("engine", [valkey, redis7], ids=["valkey", "redis7"])


@asynccontextmanager
async def store(server: valkey.Valkey) -> AsyncIterator[RedisStore]:
    opened = RedisStore(server.url, prefix=PREFIX, clock=FrozenClock())
    await opened.open()
    yield opened
    await opened.close()


def log_of(server: valkey.Valkey) -> Path:
    (found,) = (server.directory / "appendonlydir").glob("*.incr.aof")
    return found


def torn_logs(server: valkey.Valkey) -> Iterator[bytes]:
    """Cut the log within its last transaction, here and there; what is left of that."""
    log = log_of(server)
    whole = log.read_bytes()
    start = whole.rindex(BEGIN)
    for cut in range(start, len(whole), (len(whole) - start) // CUTS):
        log.write_bytes(whole[:cut])
        yield whole[start:cut]


def done(lease: Lease) -> Any:
    return settle(lease, Done("1"), 0.0)


async def settle_some(server: valkey.Valkey) -> None:
    """What a kill cuts short: the transaction by which jobs go from one place to another is the last of the log."""
    async with store(server) as opened:
        await opened.run(Add(tuple(NewJob("q", "some") for _ in range(JOBS))))
        claimed = granted(await opened.run(Claim((Source("q"),), JOBS, "t", 60_000, "w")))
        await opened.run(Settle(tuple(map(done, claimed.leases))))


async def found_after_two_starts(server: valkey.Valkey) -> tuple[list[str], dict[str, JobRecord]]:
    """The rules that are broken, and the jobs by name, when one was added after the first start and acknowledged."""
    server.start()
    async with store(server) as opened:
        granted(await opened.run(Add((NewJob("q", "later"),))))
    server.kill()
    server.start()
    with texts(server.url, PREFIX) as client:
        broken = faults(snapshot(client, PREFIX), PREFIX)
    async with store(server) as opened:
        records = (await final_of(opened)).records
    return broken, {job.name: job for job in records.values()}


@ENGINES
async def test_nothing_is_half_wherever_the_last_write_was_cut(engine: Any) -> None:
    with or_skip(engine.running(appendfsync="always")) as server:
        await settle_some(server)
        server.kill()
        for torn in torn_logs(server):
            broken, jobs = await found_after_two_starts(server)
            assert not broken, (torn, broken)
            assert jobs["some"].state == "active"
            assert jobs["later"].state == "waiting"
            server.kill()


@ENGINES
async def test_doctor_warns_of_a_server_that_does_not_cut_such_a_log_right(engine: Any) -> None:
    with or_skip(engine.running(appendfsync="always", aof_load_truncated="yes")) as server:
        facts = await inspect(server.url, PREFIX)
        await settle_some(server)
        server.kill()
        is_lost = False
        for _ in torn_logs(server):
            broken, jobs = await found_after_two_starts(server)
            is_lost = is_lost or bool(broken) or "later" not in jobs
            server.kill()
        assert durable(facts)[0] == ("warn" if is_lost else "ok")
