"""Nobody is given the reply of another, whoever is cancelled and whatever is cut."""

import asyncio
import random
from contextlib import suppress
from urllib.parse import urlsplit

from headrace.core.commands import Add, Get
from headrace.core.errors import Unavailable
from headrace.storage.protocol import granted
from headrace.storage.redis import RedisStore
from tests.conformance.desk import new, ref
from tests.servers.proxy import between

JOBS = 50
CALLERS = 40
CALLS = 30


async def test_every_caller_gets_its_own_reply(valkey_url: str, prefix: str) -> None:
    chance = random.Random(7)
    right = cancelled = cut = 0

    async def call(store: RedisStore) -> None:
        nonlocal right, cancelled, cut
        for _ in range(CALLS):
            number = str(chance.randrange(JOBS) + 1)
            try:
                async with asyncio.timeout(chance.choice((0.0, 0.001, 5.0, 5.0))):
                    (job,) = granted(await store.run(Get((ref(number),)))).jobs
            except TimeoutError:
                cancelled += 1
            except Unavailable:
                cut += 1
            else:
                assert job is not None
                assert (job.id, job.data) == (number, number)
                right += 1

    with between(urlsplit(valkey_url).port or 0) as proxy:
        store = RedisStore(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        await store.open()
        await store.run(Add(tuple(new(data=str(number + 1)) for number in range(JOBS))))
        calls = [asyncio.create_task(call(store)) for _ in range(CALLERS)]
        while not all(each.done() for each in calls):
            proxy.cut_within(chance.randrange(1, 30_000))
            await asyncio.sleep(0.02)
        await asyncio.gather(*calls)
        await store.close()
    assert min(right, cancelled, cut) > 0, (right, cancelled, cut)


async def test_a_caller_that_is_cancelled_while_it_waits_for_a_connection_takes_no_other_along(
    valkey_url: str, prefix: str
) -> None:
    with between(urlsplit(valkey_url).port or 0) as proxy:
        store = RedisStore(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        await store.open()
        proxy.cut()
        with suppress(Unavailable):
            await store.run(Get((ref("1"),)))
        calls = [asyncio.create_task(store.run(Get((ref("1"),)))) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        assert [granted(await each).jobs for each in calls[1:]] == [(None,), (None,)]
        await store.close()


async def test_closing_while_a_connection_is_made_is_told(prefix: str) -> None:
    with between(1) as proxy:  # it takes connections, and there is nobody behind it
        store = RedisStore(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        opening = asyncio.create_task(store.open())
        await asyncio.sleep(0)
        await store.close()
        done = await asyncio.gather(opening, return_exceptions=True)
        assert isinstance(done[0], Unavailable)
