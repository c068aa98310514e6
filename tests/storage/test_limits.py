"""Limits of a queue in a file that several stores have open."""

import asyncio
from contextlib import closing
from pathlib import Path

import apsw

from headrace.core.commands import Add, Added, Claim, Claimed, Configure, Count, Counted, Settle, Source
from headrace.core.jobs import NewJob
from headrace.core.lifecycle import settle
from headrace.core.limits import Capacity, Rate
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.sql.sqlite import SqliteStore
from tests.crash.statements import watched

ADDS, WAITING, RUNNING = 1_000, 500, 7


async def test_stores_that_add_and_claim_at_once_keep_to_the_limits_together(tmp_path: Path) -> None:
    stores = [SqliteStore(str(tmp_path / "jobs.db")) for _ in range(2)]
    for store in stores:
        await store.open()
    await stores[0].run(
        Configure("q", concurrency=RUNNING, max_waiting=WAITING - RUNNING, per_key={"t": Capacity(running=2)})
    )
    jobs = [NewJob("q", "x", f'{{"t": {number % 9}}}') for number in range(ADDS)]
    replies = await asyncio.gather(*(stores[n % 2].run(Add((job,))) for n, job in enumerate(jobs)))
    assert sum(isinstance(reply, Added) for reply in replies) == WAITING
    claims = [Claim((Source("q", ("x",)),), 2, f"t{number}", 60_000) for number in range(20)]
    claimed = await asyncio.gather(*(stores[n % 2].run(claim) for n, claim in enumerate(claims)))
    leases = [lease for reply in claimed if isinstance(reply, Claimed) for lease in reply.leases]
    assert len({lease.data for lease in leases}) == len(leases) == RUNNING
    counted = await stores[1].run(Count(("q",)))
    assert isinstance(counted, Counted)
    assert (counted.queues["q"]["waiting"], counted.queues["q"]["active"]) == (WAITING - RUNNING, RUNNING)
    for store in stores:
        await store.close()


async def test_places_are_counted_from_the_leases_whatever_a_counter_says(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "jobs.db"))
    await store.open()
    await store.run(Configure("q", concurrency=2, max_waiting=2))
    await store.run(Add(tuple(NewJob("q", "x") for _ in range(4))))
    claim = Claim((Source("q"),), 1, "t", 60_000)
    first = granted(await store.run(claim))
    with closing(apsw.Connection(store.path)) as db:
        db.execute("update queues set active = 40")
    assert len(granted(await store.run(claim)).leases) == 1
    assert granted(await store.run(claim)).leases == ()
    await store.run(Settle((settle(first.leases[0], Done(), 0.0),)))
    assert isinstance(await store.run(Add((NewJob("q", "x"),))), Added)
    assert len(granted(await store.run(claim)).leases) == 1
    await store.close()


async def test_jobs_of_a_queue_without_limits_cost_no_statement_more(tmp_path: Path) -> None:
    with watched() as statements:
        store = SqliteStore(str(tmp_path / "jobs.db"))
        await store.open()
        await store.run(Configure("other", concurrency=1, rate=Rate(1, 1_000), per_key={"t": Capacity(1)}))
        statements.arm(lambda *_: None)
        await store.run(Add((NewJob("q", "x", '{"t": 1}'), NewJob("q", "x", delay_ms=1, id="y"))))
        claimed = await store.run(Claim((Source("q"),), 1, "t", 60_000))
        assert isinstance(claimed, Claimed)
        await store.run(Settle((settle(claimed.leases[0], Done(), 0.0),)))
        statements.disarm()
        await store.close()
    assert statements.seen
    assert not [sql for sql in statements.seen if any(word in sql for word in ("keyed", "turns", "starts = "))]
