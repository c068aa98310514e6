"""Somebody has written into our keys: where a command expects a hash, a list or a set there is a text, or the reverse.

No type is looked at beforehand. A script stops at such a key, and what it wrote until then stays: see
`docs/internals/crash-safety.md` for what is promised all the same.
"""

import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.core.errors import Unavailable
from headrace.storage.sql.lite import WRITES
from tests.crash.keys import Keys, snapshot
from tests.crash.redis_base import RedisBase, redis_base, texts
from tests.crash.scenes import SCENES

PREFIX = "strange"
END = "all commands of the call were seen"


@pytest.fixture(scope="module")
def base(valkey_url: str) -> Iterator[RedisBase]:
    with redis_base(valkey_url, PREFIX) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES)
async def test_a_key_of_a_wrong_type_is_said_and_takes_no_job_along(base: RedisBase, scene: str) -> None:
    """One key of each scene, by its name the same each time."""
    used, after = await play(base, scene)
    await check(base, scene, used[zlib.crc32(scene.encode()) % len(used)], after)


@pytest.mark.soak
@pytest.mark.parametrize("scene", SCENES)
async def test_any_key_of_a_wrong_type_is_said_and_takes_no_job_along(base: RedisBase, scene: str) -> None:
    used, after = await play(base, scene)
    for key in used:
        await check(base, scene, key, after)


async def play(base: RedisBase, scene: str) -> tuple[list[str], Keys]:
    """All keys that the scripts of a scene look at or write, and what there is afterwards."""
    base.put_back()
    used: set[str] = set()
    with texts(base.url, PREFIX) as listening, listening.monitor() as monitor:
        async with base.store() as store:
            await store.run(*base.calls[scene])
        base.client.echo(END)
        for heard in monitor.listen():
            if END in heard["command"]:
                break
            if heard["client_type"] == "lua":
                words = heard["command"].split()[1:]
                used |= {word for word in words if word.startswith((f"{PREFIX}:", f"{PREFIX}~:"))}
    return sorted(used), snapshot(base.client, PREFIX)


async def check(base: RedisBase, scene: str, key: str, after: Keys) -> None:
    base.put_back()
    plant(base.client, key, after)
    before = snapshot(base.client, PREFIX)
    problem = await problem_of(base, scene)
    assert problem is None or "script" in problem, key  # as Redis says it, with the line
    found = snapshot(base.client, PREFIX)
    if not any(type(command) in WRITES for command in base.calls[scene]):
        assert theirs(found) == theirs(before), key
    missing = jobs_of(before) - jobs_of(found) - {key.removeprefix(PREFIX)}
    assert missing <= jobs_of(base.keys) - jobs_of(after), key  # they would be gone anyhow


async def problem_of(base: RedisBase, scene: str) -> str | None:
    """Why a scene was not played to its end, if so: it may do without the key, or put another in its place."""
    async with base.store() as store:
        try:
            await store.run(*base.calls[scene])
        except Unavailable as error:
            return str(error)
    return None


def plant(client: Any, key: str, after: Keys) -> None:
    is_text = isinstance(after.get(key.removeprefix(PREFIX)), str) or client.type(key) == "string"
    client.delete(key)
    if is_text:
        client.rpush(key, "strange")
    else:
        client.set(key, "strange")


def jobs_of(keys: Keys) -> set[str]:
    return {name for name, value in keys.items() if isinstance(value, dict) and "timestamp" in value}


def theirs(keys: Keys) -> Keys:
    """The keys of BullMQ's layout. Some of ours are made by whoever reads: logs, and the names of queues."""
    return {name: value for name, value in keys.items() if name.startswith(":")}
