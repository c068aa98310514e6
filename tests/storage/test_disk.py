"""Acknowledged is on the disk: what a power cut leaves, and what a disk that fails leaves."""

import asyncio
import errno
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.core.commands import Add, Claim, Get, Settle, Source
from headrace.core.errors import Unavailable
from headrace.core.jobs import JobRef, NewJob
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage.protocol import granted
from headrace.storage.sql.disk import sync_file
from headrace.storage.sql.sqlite import SqliteStore


class Plate:
    """What of a database is on the disk for certain: a copy made when a sync begins, which counts when it has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copies = 0  # that count

    def sync(self, file: int) -> None:
        copy = self._copy(self.copies + 1)
        copy.parent.mkdir()
        for ending in ("", "-wal"):
            shutil.copyfile(f"{self.path}{ending}", f"{copy}{ending}")
        sync_file(file)
        self.copies += 1

    async def after_power_cut(self, copy: int) -> SqliteStore:
        """The store that is found when the power was cut after this copy, and before the next."""
        store = SqliteStore(str(self._copy(copy)))
        await store.open()
        return store

    def _copy(self, number: int) -> Path:
        return self.path.parent / str(number) / self.path.name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


def job(name: str = "n") -> NewJob:
    return NewJob("q", name)


async def states(store: SqliteStore, *refs: JobRef) -> list[str | None]:
    records = granted(await store.run(Get(refs))).jobs
    return [record and record.state for record in records]


async def test_a_power_cut_loses_no_job_that_was_acknowledged(path: Path) -> None:
    plate = Plate(path)
    store = SqliteStore(str(path), sync=plate.sync)
    await store.open()
    kept: list[tuple[int, JobRef]] = []

    async def caller(times: int) -> None:
        for _ in range(times):
            added = granted(await store.run(Add((job(),))))
            kept.append((plate.copies, added.jobs[0]))

    await asyncio.gather(*[caller(5) for _ in range(20)])
    await store.close()
    assert len(kept) == 100
    for copy in sorted({copy for copy, _ in kept}):
        found = await plate.after_power_cut(copy)
        due = [ref for at, ref in kept if at <= copy]
        assert await states(found, *due) == ["waiting"] * len(due)
        await found.close()


async def test_a_power_cut_loses_no_outcome_that_was_acknowledged(path: Path) -> None:
    plate = Plate(path)
    store = SqliteStore(str(path), sync=plate.sync)
    await store.open()
    refs = granted(await store.run(Add((job(), job(), job())))).jobs
    for number in range(3):
        claimed = await store.run(Claim((Source("q"),), 1, f"token {number}", 30_000))
        (lease,) = granted(claimed).leases
        assert granted(await store.run(Settle((settle(lease, Done(), 0.0),)))).refusals == (None,)
        found = await plate.after_power_cut(plate.copies)
        assert await states(found, *refs) == ["completed"] * (number + 1) + ["waiting"] * (2 - number)
        await found.close()
    await store.close()


class Hand:
    """A disk that does what it is told: go on, hang, or fail."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.is_hanging = asyncio.Event()
        self.fails = False
        self._loop = asyncio.get_running_loop()

    def sync(self, file: int) -> None:
        if not self.goes_on.is_set():
            self._loop.call_soon_threadsafe(self.is_hanging.set)
            self.goes_on.wait()
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        sync_file(file)


async def opened(path: Path) -> tuple[SqliteStore, Hand]:
    hand = Hand()
    store = SqliteStore(str(path), sync=hand.sync)
    await store.open()
    return store, hand


async def test_nothing_is_acknowledged_while_the_disk_is_busy_but_claims_go_on(path: Path) -> None:
    store, hand = await opened(path)
    await store.run(Add((job("first"),)))
    hand.goes_on.clear()
    adding = asyncio.create_task(store.run(Add((job("second"),))))
    await hand.is_hanging.wait()
    (lease,) = granted(await store.run(Claim((Source("q"),), 1, "token", 30_000))).leases
    settling = asyncio.create_task(store.run(Settle((settle(lease, Done(), 0.0),))))
    claimed = granted(await store.run(Claim((Source("q"),), 1, "other", 30_000)))
    assert (lease.name, [other.name for other in claimed.leases]) == ("first", ["second"])
    assert not adding.done()
    assert not settling.done()
    hand.goes_on.set()
    granted(await adding)
    assert granted(await settling).refusals == (None,)
    await store.close()


async def test_closing_waits_for_the_disk(path: Path) -> None:
    store, hand = await opened(path)
    hand.goes_on.clear()
    adding = asyncio.create_task(store.run(Add((job(),))))
    await hand.is_hanging.wait()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    assert not closing.done()
    hand.goes_on.set()
    granted(await adding)
    await closing


SAY: dict[str, Callable[[SqliteStore], Awaitable[Any]]] = {
    "one": lambda store: store.run(Add((job(),))),
    "id": lambda store: store.run(Add((NewJob("q", "n", id="custom"),))),
    "blocking": lambda store: asyncio.to_thread(store.run_blocking, Add((job(),))),
}


@pytest.mark.parametrize("say", SAY.values(), ids=SAY)
async def test_a_disk_that_fails_is_said_to_everybody_who_waited(
    path: Path, say: Callable[[SqliteStore], Awaitable[Any]]
) -> None:
    store, hand = await opened(path)
    hand.fails = True
    with pytest.raises(Unavailable, match="the disk did not take it"):
        await say(store)
    hand.fails = False
    await store.close()


async def test_after_a_failure_the_log_is_moved_into_the_file_before_anything_is_acknowledged(path: Path) -> None:
    store, hand = await opened(path)
    (first,) = granted(await store.run(Add((job(),)))).jobs
    hand.fails = True
    doubtful = [store.run(Add((job(),))) for _ in range(3)]
    replies = await asyncio.gather(*doubtful, return_exceptions=True)
    assert [type(reply) for reply in replies] == [Unavailable] * 3
    (second,) = granted(await store.run(Add((job(),)))).jobs  # though the sync would fail again: it is not trusted
    # The pages of the log that the failed sync left out are not on the disk; the file alone has everything.
    alone = path.parent / "alone.db"
    shutil.copyfile(path, alone)
    found = SqliteStore(str(alone))
    await found.open()
    assert await states(found, first, second) == ["waiting", "waiting"]
    await found.close()
    hand.fails = False
    (third,) = granted(await store.run(Add((job(),)))).jobs
    assert await states(store, third) == ["waiting"]
    await store.close()
