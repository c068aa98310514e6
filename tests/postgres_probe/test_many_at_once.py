"""What only several connections can show: races, locks, wake-ups, and a call that is cancelled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import psycopg
import pytest

from headrace.core import topics
from headrace.core.commands import Add, Claim, Command, Count, Get, Recover, Settle, Source
from headrace.core.errors import CannotOpen, DuplicateId, Misuse, SchemaTooNew, Unavailable
from headrace.core.jobs import JobRef, NewJob
from headrace.storage.protocol import A, granted
from headrace.storage.sql.postgres import PostgresStore
from tests.conformance.desk import Desk, child, done, new, parent, ref


@pytest.fixture
async def stores(postgres_url: str, schema: str) -> AsyncIterator[list[PostgresStore]]:
    """Four processes could not be more apart: they share nothing but the server. All open the new schema at once."""
    stores = [PostgresStore(postgres_url, prefix=schema) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    yield stores
    await asyncio.gather(*(store.close() for store in stores))


async def ask(store: PostgresStore, command: Command[A]) -> A:
    reply = await store.run(command)
    return granted(reply)


async def everything(store: PostgresStore, token: str, *queues: str) -> list[JobRef]:
    """Claim and complete until there is nothing left for a moment."""
    mine: list[JobRef] = []
    idle = 0
    while idle < 5:
        claimed = await ask(store, Claim(tuple(map(Source, queues)), 7, token, 60_000))
        if not claimed.leases:
            idle += 1
            await asyncio.sleep(0.01)
            continue
        idle = 0
        settled = await ask(store, Settle(tuple(map(done, claimed.leases))))
        assert settled.refusals == (None,) * len(claimed.leases)
        mine += [JobRef(lease.queue, lease.id) for lease in claimed.leases]
    return mine


async def test_each_job_is_handed_to_one_of_many_workers(stores: list[PostgresStore]) -> None:
    async def produce(store: PostgresStore) -> list[JobRef]:
        added = [await ask(store, Add(tuple(new() for _ in range(20)))) for _ in range(10)]
        return [job for one in added for job in one.jobs]

    producing = asyncio.gather(*map(produce, stores))
    working = asyncio.gather(*(everything(store, f"t{n}", "q") for n, store in enumerate(stores)))
    added = [job for jobs in await producing for job in jobs]
    run = Counter(job for jobs in await working for job in jobs)
    run.update(await everything(stores[0], "rest", "q"))
    assert run == Counter(added)
    assert sorted(int(job.id) for job in added) == list(range(1, 801))


async def test_parents_go_once_when_many_workers_finish_their_children(stores: list[PostgresStore]) -> None:
    flows = [(parent(f"p{n}"), *(child(f"p{n}", queue="c") for _ in range(20))) for n in range(20)]
    await asyncio.gather(*(ask(stores[n % 4], Add(tuple(flow))) for n, flow in enumerate(flows)))
    runs = await asyncio.gather(*(everything(store, f"t{n}", "c", "q") for n, store in enumerate(stores)))
    run = Counter(job for jobs in runs for job in jobs)
    assert set(run.values()) == {1}
    assert len(run) == 20 * 21


async def test_a_custom_id_is_stored_once_whoever_is_first(stores: list[PostgresStore]) -> None:
    jobs = [new(id=f"id{n}") for n in range(10)]
    calls = [ask(stores[n % 4], Add(tuple(jobs[n % 10 :] + jobs[: n % 10]))) for n in range(24)]
    replies = await asyncio.gather(*calls)
    assert sum(10 - len(reply.existing) for reply in replies) == 10


async def test_a_flow_is_stored_once_whoever_is_first(stores: list[PostgresStore]) -> None:
    calls = [ask(store, Add((parent("p"), child("p")))) for store in stores * 3]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert replies.count(DuplicateId(queue="q", id="p")) == 11


async def test_a_request_that_comes_twice_at_once_is_stored_once(stores: list[PostgresStore]) -> None:
    replies = await asyncio.gather(*(ask(store, Add((new(), new()), "request")) for store in stores * 3))
    assert {reply.jobs for reply in replies} == {(ref("1"), ref("2"))}


async def test_an_open_transaction_elsewhere_that_added_stops_no_other_add(
    stores: list[PostgresStore], postgres_url: str, schema: str
) -> None:
    """The counter of a queue is a sequence: a row would stay locked as long as that transaction is open."""
    await stores[0].run(Add((new(),)))
    with psycopg.connect(postgres_url) as other:
        other.execute("select set_config('search_path', quote_ident(%s), false)", [schema])
        other.execute("select nextval(counter) from queues where name = 'q' for share")
        async with asyncio.timeout(5):
            assert (await ask(stores[1], Add((new(),)))).jobs == (ref("3"),)


async def test_a_refused_flow_leaves_no_queue_behind(
    stores: list[PostgresStore], postgres_url: str, schema: str
) -> None:
    await stores[0].run(Add((new(id="a"),)))
    await stores[0].run(Add((new(queue="r"), parent("a"))))
    with psycopg.connect(postgres_url) as other:
        other.execute("select set_config('search_path', quote_ident(%s), false)", [schema])
        assert other.execute("select name from queues").fetchall() == [("q",)]


async def test_a_new_job_wakes_the_other_processes(stores: list[PostgresStore]) -> None:
    topic = topics.ready("q")
    assert await stores[1].wait([topic], 0) == {topic}
    assert await stores[1].wait([topic], 20) == frozenset()
    async with asyncio.timeout(0.5), asyncio.TaskGroup() as group:
        group.create_task(add_later(stores[0]))
        assert await stores[1].wait([topic], 900) == {topic}


async def add_later(store: PostgresStore) -> None:
    await asyncio.sleep(0.02)
    await store.run(Add((new(),)))


async def test_a_wait_without_news_looks_again_after_a_second(stores: list[PostgresStore]) -> None:
    await stores[0].wait(["ready/q"], 0)
    assert await stores[0].wait(["ready/q"], 60_000) == {"ready/q"}


async def test_a_cancelled_call_leaves_no_reply_to_the_next(stores: list[PostgresStore]) -> None:
    store = stores[0]
    for pause in range(20):
        call = asyncio.create_task(Desk(store).claim(limit=1))
        await asyncio.sleep(pause / 5_000)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await ask(store, Get((ref("none"),)))).jobs == (None,)
    assert await Desk(store).recover() == ()


async def test_a_killed_connection_is_unavailable_and_the_next_call_works(
    stores: list[PostgresStore], postgres_url: str
) -> None:
    await stores[0].run(Add((new(),)))
    with psycopg.connect(postgres_url, autocommit=True) as other:
        text = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = user"
        other.execute(text)
    outcomes = await asyncio.gather(*(ask(stores[0], Recover()) for _ in range(3)), return_exceptions=True)
    assert any(isinstance(outcome, Unavailable) for outcome in outcomes)
    await asyncio.sleep(0.2)
    assert (await ask(stores[0], Recover())).jobs == ()


async def test_what_is_not_served_yet_is_said(stores: list[PostgresStore]) -> None:
    with pytest.raises(Misuse, match="Count is not served by the PostgreSQL store yet"):
        await stores[0].run(Count(("q",)))
    with pytest.raises(Misuse, match="policy 'drop' is not served yet"):
        await stores[0].run(Add((parent("p"), child("p", policy="drop"))))


async def test_a_store_that_is_not_open_is_unavailable(postgres_url: str) -> None:
    with pytest.raises(Unavailable, match="not open"):
        await PostgresStore(postgres_url).run(Recover())


async def test_a_server_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(CannotOpen):
        await PostgresStore("postgresql://nobody:secret@127.0.0.1:1/nowhere").open()


async def test_a_newer_schema_is_refused(stores: list[PostgresStore], postgres_url: str, schema: str) -> None:
    with psycopg.connect(postgres_url) as other:
        other.execute("select set_config('search_path', quote_ident(%s), false)", [schema])
        other.execute("insert into migrations (version) values (99)")
    with pytest.raises(SchemaTooNew):
        await PostgresStore(postgres_url, prefix=schema).open()


async def test_a_word_of_each_alphabet_is_a_queue(stores: list[PostgresStore]) -> None:
    await stores[0].run(Add((NewJob('Ω "x" %s $1', "ναι"),)))
    (lease,) = (await ask(stores[0], Claim((Source('Ω "x" %s $1', ("ναι",)),), 1, "t", 60_000))).leases
    assert (await ask(stores[0], Settle((done(lease),)))).refusals == (None,)
