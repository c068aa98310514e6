"""What errors of Redis mean: each is said so that one knows what to do, and each command works again afterwards."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from headrace.core.commands import Add, Claim, Get, Settle, Source
from headrace.core.errors import StorageFull, Unavailable
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage.redis import RedisStore
from headrace.storage.redis.meaning import meaning, place_of
from tests.conformance.desk import new, ref
from tests.servers import valkey
from tests.servers.available import or_skip


@pytest.fixture(scope="module")
def server() -> Iterator[valkey.Valkey]:
    with or_skip(valkey.running(enable_debug_command="yes", busy_reply_threshold="10")) as server:
        yield server


@pytest.fixture
def admin(server: valkey.Valkey) -> Iterator[Any]:
    with redis.Redis(port=server.port, decode_responses=True) as client:
        yield client
        client.flushall()


@pytest.fixture
async def store(server: valkey.Valkey) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url)
    await store.open()
    yield store
    await store.close()


@contextmanager
def replica(admin: Any, server: valkey.Valkey) -> Iterator[None]:
    admin.replicaof("127.0.0.1", 1)
    yield
    admin.replicaof("NO", "ONE")


@contextmanager
def without_replicas(admin: Any, server: valkey.Valkey) -> Iterator[None]:
    admin.config_set("min-replicas-to-write", 1)
    yield
    admin.config_set("min-replicas-to-write", 0)


@contextmanager
def without_its_primary(admin: Any, server: valkey.Valkey) -> Iterator[None]:
    admin.config_set("replica-serve-stale-data", "no")
    with replica(admin, server):
        yield
    admin.config_set("replica-serve-stale-data", "yes")


@contextmanager
def busy(admin: Any, server: valkey.Valkey) -> Iterator[None]:
    def run() -> None:
        with suppress(redis.ResponseError), redis.Redis(port=server.port) as other:
            other.eval("while true do end", 0)

    thread = threading.Thread(target=run)
    thread.start()
    while True:  # until it says so itself
        try:
            admin.ping()
        except redis.ResponseError as error:
            if "BUSY" in str(error) or "busy" in str(error).lower():
                break
    try:
        yield
    finally:
        admin.script_kill()
        thread.join()


@contextmanager
def unable_to_save(admin: Any, server: valkey.Valkey) -> Iterator[None]:
    """A snapshot fails, as its place is taken by a folder."""
    Path(server.directory, "dump.rdb").mkdir()
    admin.config_set("save", "3600 1")
    admin.set("x", "y")
    admin.bgsave()
    while admin.info("persistence")["rdb_last_bgsave_status"] != "err":
        pass
    yield
    admin.config_set("save", "")
    Path(server.directory, "dump.rdb").rmdir()
    admin.bgsave()
    while admin.info("persistence")["rdb_last_bgsave_status"] != "ok":
        pass


Trouble = Callable[[Any, valkey.Valkey], Any]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (replica, "is a replica and takes no writes"),
        (without_replicas, "min-replicas-to-write"),
        (without_its_primary, "has lost its primary"),
        (busy, "a script of somebody"),
        (unable_to_save, "cannot save to its disk"),
    ],
)
async def test_who_asks_is_told_and_it_works_again_afterwards(
    server: valkey.Valkey, admin: Any, store: RedisStore, trouble: Trouble, said: str
) -> None:
    with trouble(admin, server), pytest.raises(Unavailable, match=said):
        await store.run(Add((new(),)))
    async with asyncio.timeout(5):
        reply = await store.run(Add((new(),)))
    assert [job.id for job in reply.jobs] == ["1"]  # nothing was done before


async def test_a_full_memory_is_a_refusal(admin: Any, store: RedisStore) -> None:
    admin.config_set("maxmemory", 1)
    try:
        assert isinstance(await store.run(Add((new(),))), StorageFull)
    finally:
        admin.config_set("maxmemory", 0)


async def test_a_worker_that_comes_to_a_full_memory_works_off_what_is_there(
    server: valkey.Valkey, admin: Any, store: RedisStore
) -> None:
    await store.run(Add((new(),)))
    admin.config_set("maxmemory", 1)
    try:
        worker = RedisStore(server.url)
        await worker.open()
        (lease,) = (await worker.run(Claim((Source("q"),), 1, "t", 60_000))).leases
        settled = await worker.run(Settle((settle(lease, Done("1"), 0.0),)))
        await worker.close()
    finally:
        admin.config_set("maxmemory", 0)
    assert settled.refusals == (None,)
    assert [job.state for job in (await store.run(Get((ref("1"),)))).jobs] == ["completed"]


async def test_what_a_full_memory_has_no_room_to_know_is_refused(admin: Any, store: RedisStore) -> None:
    await store.run(Add((new(),)))
    admin.function_flush()
    admin.config_set("maxmemory", 1)
    try:
        assert isinstance(await store.run(Get((ref("1"),))), StorageFull)
    finally:
        admin.config_set("maxmemory", 0)
    assert [job.state for job in (await store.run(Get((ref("1"),)))).jobs] == ["waiting"]


def test_a_server_without_functions_is_named() -> None:
    found = meaning("ERR unknown command `FUNCTION`, with args beginning with: `LOAD`, ")
    assert found.says == "the server knows no functions; Headrace needs Redis 7 or Valkey"


async def test_a_server_that_loads_its_data_is_waited_for(tmp_path: Path) -> None:
    """The server takes its time for each key that it loads."""
    often = {"loading_process_events_interval_bytes": "1024"}
    with valkey.running(key_load_delay="0", appendonly="no", save="3600 1", **often) as server:
        with redis.Redis(port=server.port) as client:
            pipe = client.pipeline()
            for number in range(2_000):
                pipe.set(f"other:{number}", "x" * 100)
            pipe.execute()
        store = RedisStore(server.url)
        await store.open()
        try:
            await store.run(Add((new(),)))
            server.stop()
            server.options["key-load-delay"] = "300"  # microseconds
            starting = asyncio.create_task(asyncio.to_thread(server.start))
            said, reply = set[str](), None
            async with asyncio.timeout(20):
                while reply is None:
                    try:
                        reply = await store.run(Get((ref("1"),)))
                    except Unavailable as error:
                        said.add(str(error.problem))
            assert any("still loading" in problem for problem in said), said
            assert reply.jobs[0].state == "waiting"
            await starting
        finally:
            await store.close()


def test_where_the_first_word_stands_within_a_script() -> None:
    found = meaning("ERR Error running script: READONLY You can't write against a read only replica. script: x")
    assert found.deed == "elsewhere"
    assert meaning("WRONGTYPE Operation against a key").says == "WRONGTYPE Operation against a key"


def test_where_a_slot_has_moved_to() -> None:
    assert place_of("MOVED 1 10.0.0.1:7") == ("10.0.0.1", 7)
    assert place_of("MOVED 1 :7") == ("", 7)
    assert place_of("MOVED 1 [::1]:7") == ("::1", 7)
    assert place_of("READONLY no") is None
