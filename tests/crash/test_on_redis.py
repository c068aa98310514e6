"""Whatever befalls a call on Redis: the server has done all of it or nothing, and its keys keep the rules.

A script is one step, so there is nothing between its statements; but a call may be several round trips, and the
connection may be cut at each, before the server hears or before it is heard.
"""

from collections.abc import Iterator

import pytest

from headrace.core.commands import Count, Settled
from headrace.core.errors import Refused, StorageFull, Unavailable
from headrace.storage.sql.lite import WRITES
from tests.conformance.audit import assert_consistent
from tests.crash.cut import wired
from tests.crash.redis_base import RedisBase, redis_base
from tests.crash.scenes import SCENES
from tests.servers.prefixes import new_prefix

RARE = ("sentinel", "cluster")


@pytest.fixture(scope="module", params=["valkey", *(pytest.param(server, marks=pytest.mark.soak) for server in RARE)])
def base(request: pytest.FixtureRequest) -> Iterator[RedisBase]:
    url = request.getfixturevalue(f"{request.param}_url")
    prefix = new_prefix(url, "crash")
    with redis_base(url, prefix) as made:
        yield made


@pytest.fixture(autouse=True)
def as_before(base: RedisBase) -> None:
    base.put_back()


def writes(base: RedisBase, scene: str) -> bool:
    return any(type(command) in WRITES for command in base.calls[scene])


@pytest.mark.parametrize("scene", SCENES)
async def test_a_scene_does_something_and_keeps_the_rules(base: RedisBase, scene: str) -> None:
    assert base.found() == base.keys
    async with base.store() as store:
        reply = await store.run(*base.calls[scene])
        for each in reply if isinstance(reply, tuple) else (reply,):
            assert not isinstance(each, Refused)
            assert not isinstance(each, Settled) or set(each.refusals) == {None}
        assert (base.found() != base.keys) >= writes(base, scene)
        await assert_consistent(store)
        base.found()


@pytest.mark.parametrize("scene", SCENES)
async def test_a_cut_before_any_round_trip_is_heard_or_answered_leaves_all_of_a_command_or_nothing(
    base: RedisBase, scene: str
) -> None:
    async with wired(base.node_url) as wire, base.store(wire.url) as store:
        steps = [base.keys]  # each command is atomic by itself
        for command in base.calls[scene]:
            await store.run(command)
            steps.append(base.found())
        base.put_back()
        wire.arm(None)
        reply = await store.run(*base.calls[scene])
        trips = wire.asked
        assert base.found() == steps[-1]
        for at in range(1, trips + 1):
            for is_answer in (False, True):
                base.put_back()
                wire.arm(None)
                await store.run(Count(()))  # connected again, so that the cut is not in the greeting
                wire.arm(at, is_answer=is_answer)
                with pytest.raises(Unavailable):
                    await store.run(*base.calls[scene])
                found = base.found()
                assert found in steps
                assert found == steps[-1] or not (is_answer and at == trips)
        base.put_back()
        wire.arm(None)
        assert await store.run(*base.calls[scene]) == reply  # the next call makes its own connection


@pytest.mark.usefixtures("server_of_ours")
@pytest.mark.parametrize("scene", SCENES)
async def test_a_full_memory_refuses_all_of_a_command_or_nothing(base: RedisBase, scene: str) -> None:
    """Redis looks at its memory at the first write of a script alone, so a script is never stopped half way."""
    for command in base.calls[scene]:
        before = base.found()
        async with base.store() as store:
            base.client.config_set("maxmemory", 1)
            try:
                reply = await store.run(command)
            finally:
                base.client.config_set("maxmemory", 0)
            found = base.found()
            if isinstance(reply, StorageFull):
                assert found == before
                reply = await store.run(command)
                base.found()
            assert not isinstance(reply, Refused)
