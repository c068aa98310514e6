"""Passwords and users: who may not come in, or may not do something, is told what is missing."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from headrace.core.commands import Add, Get
from headrace.core.errors import CannotOpen, Unavailable
from headrace.storage.redis import RedisStore
from tests.conformance.desk import new, ref
from tests.redis.choir import Choir
from tests.servers import valkey
from tests.servers.available import or_skip

NEEDED = "~bull:* ~bull~:* +@read +@write +@scripting +@blocking +@connection +@stream +time -@dangerous".split()


@pytest.fixture(scope="module")
def server() -> Iterator[valkey.Valkey]:
    with or_skip(valkey.running(requirepass="secret")) as server:
        yield server


@pytest.fixture
def admin(server: valkey.Valkey) -> Iterator[Any]:
    with redis.Redis(port=server.port, password="secret", decode_responses=True) as client:
        yield client
        client.flushall()


async def stores(url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(url)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("user", "said"),
    [("", "write them into the URL"), (":wrong@", "password is wrong"), ("nobody:secret@", "password is wrong")],
)
async def test_who_is_not_let_in_is_told_why(server: valkey.Valkey, user: str, said: str) -> None:
    with pytest.raises(CannotOpen, match=said) as caught:
        async for _ in stores(f"redis://{user}127.0.0.1:{server.port}/0"):
            pass
    assert "secret" not in str(caught.value)


async def test_a_user_with_only_what_is_needed_can_do_everything(server: valkey.Valkey, admin: Any) -> None:
    admin.execute_command("ACL", "SETUSER", "shop", "reset", "on", ">pw", *NEEDED)
    url = f"redis://shop:pw@127.0.0.1:{server.port}/0"
    async with Choir(url, url) as choir:
        await choir.sing()


@pytest.mark.parametrize(
    ("missing", "said"),
    [(["-fcall"], "fcall"), (["-zadd"], "zadd"), (["resetkeys", "~other:*"], "key")],
)
async def test_a_user_that_lacks_a_permission_is_told_which(
    server: valkey.Valkey, admin: Any, missing: list[str], said: str
) -> None:
    admin.execute_command("ACL", "SETUSER", "shop", "reset", "on", ">pw", *NEEDED, *missing)
    async for store in stores(f"redis://shop:pw@127.0.0.1:{server.port}/0"):
        with pytest.raises(Unavailable, match=f"lacks a permission.*(?i:{said})"):
            await store.run(Add((new(delay_ms=1000),)))


async def test_a_user_that_may_load_no_functions_cannot_open(server: valkey.Valkey, admin: Any) -> None:
    admin.execute_command("ACL", "SETUSER", "shop", "reset", "on", ">pw", *NEEDED, "-function")
    with pytest.raises(CannotOpen, match="lacks a permission"):
        async for _ in stores(f"redis://shop:pw@127.0.0.1:{server.port}/0"):
            pass


async def test_a_password_that_is_changed_meanwhile_is_told_to_the_next_connection(
    server: valkey.Valkey, admin: Any
) -> None:
    admin.execute_command("ACL", "SETUSER", "shop", "reset", "on", ">pw", *NEEDED)
    async for store in stores(f"redis://shop:pw@127.0.0.1:{server.port}/0"):
        admin.execute_command("ACL", "SETUSER", "shop", "resetpass", ">other")
        admin.client_kill_filter(_type="normal", skipme=True)
        with suppress(Unavailable):  # a command may find the connection cut before the loop knows of it
            await store.run(Get((ref("1"),)))
        with pytest.raises(Unavailable, match="password is wrong"):
            await store.run(Get((ref("1"),)))
        admin.execute_command("ACL", "SETUSER", "shop", ">pw")
        await store.run(Get((ref("1"),)))
