"""What is Redis's alone: scripts that are forgotten, connections that break, memory that is full, markers."""

import asyncio
from typing import Any

import pytest

from headrace.core.commands import Add, Annotate, Claim, Claimed, Command, Get, Got, Source
from headrace.core.errors import BadUrl, CannotOpen, Misuse, StorageFull, Unavailable
from headrace.core.query import parse
from headrace.storage.redis import RedisStore
from headrace.storage.redis.call import CHANGED
from headrace.storage.redis.calls.annotate import annotate
from headrace.storage.redis.keys import Keys
from headrace.storage.redis.script import library, script
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk, done, ids, new, ref
from tests.servers import valkey


async def test_a_server_that_forgot_the_functions_is_given_them_again(desk: Desk, keys: Any) -> None:
    await desk.add(new())
    keys.function_flush()
    commands: tuple[Command[Any], ...] = (Claim((Source("q"),), 1, "t", 1_000), Get((ref("1"),)))
    claimed, got = await desk.store.run(*commands)
    assert isinstance(claimed, Claimed)
    assert isinstance(got, Got)
    assert (ids(claimed.leases), got.jobs[0] and got.jobs[0].state) == (["1"], "active")


async def test_the_reply_of_a_cancelled_call_reaches_nobody(desk: Desk) -> None:
    await desk.add(*(new() for _ in range(200)))
    for _ in range(20):
        call = asyncio.ensure_future(desk.claim(limit=1))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        record = await desk.record(ref("200"))
        assert (record.id, record.state) == ("200", "waiting")


@pytest.mark.usefixtures("server_of_ours")
async def test_many_callers_share_a_few_connections(desk: Desk, keys: Any) -> None:
    before = keys.info("clients")["connected_clients"]
    added = await asyncio.gather(*(desk.add(new()) for _ in range(100)))
    assert sorted(int(job.id) for (job,) in added) == list(range(1, 101))
    assert keys.info("clients")["connected_clients"] <= before + 8


@pytest.mark.parametrize("ended", [(599, 600), (600, 1), (1, 300, 598, 2), (300, 1), tuple(range(581, 601))])
async def test_the_list_of_active_jobs_keeps_its_order(
    desk: Desk, keys: Any, prefix: str, ended: tuple[int, ...]
) -> None:
    await desk.add(*(new() for _ in range(600)))
    leases = [lease for _ in range(6) for lease in await desk.claim(limit=100)]
    before = keys.lrange(f"{prefix}:q:active", 0, -1)
    assert await desk.settle(*(done(leases[number - 1]) for number in ended)) == (None,) * len(ended)
    left = {str(number) for number in range(1, 601)} - set(map(str, ended))
    assert keys.lrange(f"{prefix}:q:active", 0, -1) == [job for job in before if job in left]


async def test_of_two_outcomes_of_a_job_the_second_is_refused_however_long_the_list(desk: Desk) -> None:
    await desk.add(*(new() for _ in range(20)))
    lease = (await desk.claim())[-1]
    assert [refusal is None for refusal in await desk.settle(done(lease), done(lease))] == [True, False]
    assert await desk.counts() == {"active": 19, "completed": 1}


async def test_there_may_be_more_queues_than_a_library_remembers(desk: Desk) -> None:
    names = [f"q{number}" for number in range(1_100)]
    await desk.add(*(new(queue=name) for name in names))
    leases = await desk.claim(*names, limit=len(names))
    assert [lease.queue for lease in leases] == names
    assert await desk.settle(*map(done, leases)) == (None,) * len(names)
    assert [await desk.counts(name) for name in (names[0], names[-1])] == [{"completed": 1}] * 2


@pytest.mark.usefixtures("server_of_ours")
async def test_a_full_memory_refuses_and_stores_nothing(desk: Desk, keys: Any) -> None:
    await desk.add(new())
    keys.config_set("maxmemory", 1)
    try:
        refusal = await desk.store.run(Add((new(), new())))
    finally:
        keys.config_set("maxmemory", 0)
    assert isinstance(refusal, StorageFull)
    assert ids(await desk.add(new())) == ["2"]


async def test_a_store_that_is_away_is_unavailable_and_then_there_again(clock: FrozenClock) -> None:
    with valkey.running() as server:
        store = RedisStore(server.url, clock=clock)
        await store.open()
        try:
            await store.run(Add((new(),)))
            server.stop()
            with pytest.raises(Unavailable):
                await store.run(Get((ref("1"),)))
            server.start()
            assert (await Desk(store).record(ref("1"))).state == "waiting"
        finally:
            await store.close()


async def test_a_store_that_is_not_there_cannot_be_opened(valkey_url: str) -> None:
    store = RedisStore("redis://127.0.0.1:1")
    with pytest.raises(CannotOpen):
        await store.open()
    with pytest.raises(Unavailable):
        await store.run(Get((ref("1"),)))
    await store.close()


@pytest.mark.parametrize("prefix", ["", "a~", "a:", "x" * 101])
def test_a_prefix_that_would_mix_up_keys_is_refused(prefix: str) -> None:
    with pytest.raises(Misuse):
        RedisStore("redis://localhost", prefix=prefix)


def test_a_url_that_cannot_be_understood_is_refused_without_its_password() -> None:
    with pytest.raises(BadUrl) as caught:
        RedisStore("redis://user:secret@host:port/0")
    assert "secret" not in str(caught.value)


def test_an_option_of_the_url_that_has_no_effect_is_refused() -> None:
    with pytest.raises(BadUrl, match="socket_timeout"):
        RedisStore("redis://localhost/0?socket_timeout=5")


async def test_closing_ends_a_wait(valkey_url: str, prefix: str) -> None:
    store = RedisStore(valkey_url, prefix=prefix)
    await store.open()

    async def waiter() -> frozenset[str]:
        await store.wait(["ready/q"], 0)
        return await store.wait(["ready/q"], 60_000)

    waiting = asyncio.ensure_future(waiter())
    await asyncio.sleep(0.1)
    await store.close()
    async with asyncio.timeout(1):
        assert await waiting == frozenset()


async def test_an_add_wakes_who_waits_for_its_queue(desk: Desk) -> None:
    async def waiter() -> tuple[frozenset[str], frozenset[str]]:
        await desk.store.wait(["ready/q"], 0)  # the first wait of a task returns at once
        quiet = await desk.store.wait(["ready/q"], 50)
        return quiet, await desk.store.wait(["ready/q"], 5_000)

    waiting = asyncio.ensure_future(waiter())
    await asyncio.sleep(0.2)
    await desk.add(new())
    async with asyncio.timeout(1):
        assert await waiting == (frozenset(), frozenset({"ready/q"}))


async def test_a_claim_that_leaves_jobs_leaves_a_marker_for_others(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new(), new())
    keys.delete(f"{prefix}:q:marker")
    await desk.claim(limit=1)
    assert keys.exists(f"{prefix}:q:marker")
    keys.delete(f"{prefix}:q:marker")
    await desk.claim(limit=1)
    assert not keys.exists(f"{prefix}:q:marker")


async def test_leases_end_by_the_clock_of_the_test(valkey_url: str, prefix: str, keys: Any) -> None:
    clock = FrozenClock()
    store = RedisStore(valkey_url, prefix=prefix, clock=clock)
    await store.open()
    try:
        desk = Desk(store)
        await desk.add(new())
        await desk.claim_one(lease_ms=20)
        await asyncio.sleep(0.05)
        assert await desk.recover() == ()
        clock.advance(20)
        assert await desk.recover() == (ref("1"),)
    finally:
        await store.close()


async def test_a_tally_goes_by_itself_a_day_later(desk: Desk, keys: Any, prefix: str) -> None:
    await desk.add(new())
    await desk.finish()
    (tally,) = keys.keys(f"{prefix}~:q:tally:*")
    assert 24 * 3600 < keys.ttl(tally) < 25 * 3600


@pytest.mark.parametrize("asked", [{"where": parse("completed")}, {"notes": "{}"}])
async def test_what_was_decided_while_a_job_was_not_there_is_not_done_to_one_that_came(
    desk: Desk, keys: Any, prefix: str, asked: dict[str, Any]
) -> None:
    names = Keys(prefix)
    words = annotate(Annotate(ref("a"), progress="1", **asked), names)  # nothing was seen
    await desk.add(new(id="a"))
    keys.function_load(library("annotate").text, replace=True)
    assert keys.fcall(script("annotate").name, 1, names.queues, prefix, "", *words) == CHANGED
    assert (await desk.record(ref("a"))).progress is None
