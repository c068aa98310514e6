"""Short turns are done on the loop, and only those; whatever is in their way, nothing is lost and order is kept."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from time import perf_counter

import apsw
import pytest

from headrace.core.commands import Add, Claim, Claimed, Command, Count, Queues, Settle, Source
from headrace.core.errors import Unavailable
from headrace.core.jobs import NewJob
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.sql.calls import Call
from headrace.storage.sql.short import JOBS_MAX, REST, SIZE_MAX, SLOW_S, Patience, is_short
from headrace.storage.sql.sqlite import SqliteStore

NOW_MS = 1_700_000_000_000


class Scribe:
    """A clock, which a store reads once a transaction, that notes in which thread that was."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.interrupts = 0
        """How many of the next transactions the user interrupts."""

    def __call__(self) -> int:
        self.threads.append(threading.current_thread().name)
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return NOW_MS

    def where(self) -> set[str]:
        """The threads since the last question."""
        threads, self.threads = set(self.threads), []
        return threads


LOOP = {threading.main_thread().name}
THREAD = {"headrace-writer"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


@pytest.fixture
async def store(path: Path, scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
    monkeypatch.setattr("headrace.storage.sql.short.SLOW_S", float("inf"))  # whatever else this machine does
    store = SqliteStore(str(path), clock=scribe)
    await store.open()
    yield store
    await store.close()


def add(count: int = 1, data: str = "null") -> Add:
    return Add(tuple(NewJob("q", "n", data) for _ in range(count)))


def claim(limit: int) -> Claim:
    return Claim((Source("q"),), limit, "token", 30_000)


async def numbers(store: SqliteStore) -> list[str]:
    claimed: Claimed = granted(await store.run(claim(JOBS_MAX)))
    return [lease.id for lease in claimed.leases]


async def test_a_few_jobs_are_added_claimed_and_settled_on_the_loop(store: SqliteStore, scribe: Scribe) -> None:
    granted(await store.run(add(3)))
    claimed = granted(await store.run(claim(3)))
    outcomes = tuple(settle(lease, Done("1"), 0.0) for lease in claimed.leases)
    assert granted(await store.run(Settle(outcomes))).refusals == (None, None, None)
    assert scribe.where() == LOOP


@pytest.mark.parametrize(
    "command",
    [
        add(JOBS_MAX + 1),
        add(2, '"' + "x" * (SIZE_MAX // 2) + '"'),
        claim(JOBS_MAX + 1),
    ],
    ids=["many", "large", "claims"],
)
async def test_what_may_take_long_goes_to_the_thread(
    store: SqliteStore, scribe: Scribe, command: Command[object]
) -> None:
    await store.run(command)
    assert scribe.where() == THREAD


def test_a_turn_is_measured_as_a_whole() -> None:
    calls = [Call((add(JOBS_MAX // 2), claim(1)), None, is_durable=True) for _ in range(2)]
    assert is_short(calls[:1])
    assert not is_short(calls)
    assert not is_short([Call((Queues(),), None, is_durable=False)])


async def test_while_another_process_writes_the_loop_goes_on_and_order_is_kept(
    store: SqliteStore, path: Path, scribe: Scribe
) -> None:
    with closing(apsw.Connection(str(path))) as other:
        other.execute("begin immediate")
        first = asyncio.create_task(store.run(add()))
        while not scribe.threads and not store_has_sent(store):
            await asyncio.sleep(0)  # the loop is not held up: this would not end if it were
        later = [asyncio.create_task(store.run(add())) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # their turn has ended, too: after the rollback the thread may have nothing to do
        other.execute("rollback")
    added = [granted(reply).jobs[0].id for reply in await asyncio.gather(first, *later)]
    assert added == ["1", "2", "3", "4"]
    assert scribe.where() == THREAD
    granted(await store.run(add()))
    assert scribe.where() == LOOP


def store_has_sent(store: SqliteStore) -> bool:
    lane = store._writer  # pyright: ignore[reportPrivateUsage]
    assert lane is not None
    return lane._sent is not None  # pyright: ignore[reportPrivateUsage]


async def test_what_goes_wrong_on_the_loop_is_done_again_by_the_thread(store: SqliteStore, scribe: Scribe) -> None:
    once = Add((NewJob("q", "n"),), "request")
    first = granted(await store.run(once))
    scribe.where()
    again, other = await asyncio.gather(store.run(once), store.run(add()))
    assert granted(again) == first
    assert granted(other).jobs[0].id == "2"
    assert scribe.where() == LOOP | THREAD
    assert await numbers(store) == ["1", "2"]


def test_an_interrupt_is_said_to_those_who_wait_and_the_store_goes_on(path: Path, scribe: Scribe) -> None:
    store = SqliteStore(str(path), clock=scribe)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        runner.run(store.open())
        scribe.interrupts = 1
        cut = loop.create_task(store.run(add()))
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cut)
        with pytest.raises(Unavailable, match="interrupted"):
            loop.run_until_complete(cut)
        granted(loop.run_until_complete(store.run(add())))
        count = granted(loop.run_until_complete(store.run(Count(("q",)))))
        assert count.queues["q"]["waiting"] == 1
        loop.run_until_complete(store.close())


def test_after_a_slow_turn_the_thread_has_the_next_ones_for_ten_times_as_long() -> None:
    patience = Patience()
    turn = [Call((add(),), None, is_durable=True)]
    assert patience.allows(turn)
    patience.note(perf_counter())
    assert patience.allows(turn)
    patience.note(perf_counter() - 100 * SLOW_S)
    assert not patience.allows(turn)
    patience = Patience()
    patience.note(perf_counter() - SLOW_S - 1e-6)
    rests_until = patience._rests_until  # pyright: ignore[reportPrivateUsage]
    assert 0.9 * REST * SLOW_S < rests_until - perf_counter() < 3 * REST * SLOW_S


async def test_a_long_log_is_moved_by_the_thread(
    store: SqliteStore, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.storage.sql.checkpoint.HARD_PAGES", 1)
    granted(await store.run(add()))  # on the loop, which sees that the log is long
    scribe.where()
    granted(await store.run(add()))
    assert scribe.where() == THREAD
    granted(await store.run(add()))
    assert scribe.where() == LOOP
