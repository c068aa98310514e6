"""The leases that this worker holds, and their renewal, well before they end.

Renewal must go on while a handler keeps the loop busy. So where the store has a way to run a command from any thread
(`run_blocking`), renewals leave from a thread of their own; elsewhere they leave from the loop.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from headrace.core.commands import Hold, Renew, Renewed
from headrace.core.errors import Refused
from headrace.engine.run import Run
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

PAGE: Final = 1_000  # leases in one Renew
RENEWALS: Final = 3  # in the time of one lease
STOP_MAX_S: Final = 5.0  # for a renewal that is under way in the thread


class Leases:
    """Every run of this worker whose outcome is not recorded yet."""

    def __init__(self, storage: Storage, lease_ms: int) -> None:
        self._storage = storage
        self._lease_ms = lease_ms
        self._held: dict[tuple[str, str], Run] = {}
        self._let_go: list[Hold] = []
        self._aside: Callable[[Renew], Renewed | Refused] | None = getattr(storage, "run_blocking", None)
        self._ticker = Ticker("leases", self._renew, lease_ms / 1000 / RENEWALS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def add(self, run: Run) -> None:
        """Keep the lease of this run. An older run of the same job has lost its own."""
        key = (run.lease.queue, run.lease.id)
        older = self._held.get(key)
        self._held[key] = run
        if older is not None:
            older.stop("lease-lost")

    def drop(self, run: Run) -> None:
        """Keep it no longer."""
        key = (run.lease.queue, run.lease.id)
        if self._held.get(key) is run:
            del self._held[key]

    def let_go(self, run: Run) -> None:
        """Let this lease end now: what the run came to is unknown, and the janitor gives the job back as stalled."""
        self.drop(run)
        self._let_go.append(Hold(run.lease.queue, run.lease.id, run.lease.token))
        self.poke()

    def runs(self) -> list[Run]:
        """The runs that are held now; safe from any thread."""
        return list(self._held.copy().values())

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._aside is None:
            self._ticker.start()
            return
        self._ended = self._loop.create_future()
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._thread_loop = runner.get_loop()  # there before the thread is, so that it hears whatever it is told
        threading.Thread(target=self._serve, args=(runner,), name="headrace-leases", daemon=True).start()

    def poke(self) -> None:
        """Renew now, because something may have been asked of a job that we run."""
        if not self._held and not self._let_go:
            return
        if self._ended is None:
            self._ticker.poke()
        elif self._thread_loop is not None:
            self._thread_loop.call_soon_threadsafe(self._ticker.poke)

    async def stop(self) -> None:
        if self._ended is None:
            await self._ticker.stop()
        elif not self._ended.done():
            if self._thread_loop is not None:
                self._thread_loop.call_soon_threadsafe(self._ticker.end)
                self._thread_loop = None  # it closes when that is done: nobody may speak to it again
            await asyncio.wait([self._ended], timeout=STOP_MAX_S)

    def _serve(self, runner: asyncio.Runner) -> None:
        """The thread: a loop of its own for a ticker whose beats block."""
        assert self._loop is not None
        assert self._ended is not None
        with runner:
            runner.run(self._ticker.run())
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, self._ended)

    async def _renew(self) -> None:
        if self._loop is not None and self._loop.is_closed():
            self._ticker.end()  # the worker was abandoned with its loop: its leases must end
            return
        if self._let_go:
            gone = self._let_go[:PAGE]
            await self._ask(Renew(tuple(gone), 0))
            del self._let_go[: len(gone)]
        runs = self.runs()
        for start in range(0, len(runs), PAGE):
            page = runs[start : start + PAGE]
            command = Renew(tuple(Hold(run.lease.queue, run.lease.id, run.lease.token) for run in page), self._lease_ms)
            renewed = await self._ask(command)
            if self._aside is None:
                _tell(page, renewed)
            else:
                assert self._loop is not None
                self._loop.call_soon_threadsafe(_tell, page, renewed)

    async def _ask(self, command: Renew) -> Renewed:
        return granted(await self._storage.run(command) if self._aside is None else self._aside(command))


def _tell(page: list[Run], renewed: Renewed) -> None:
    """Tell those runs of a page whose lease is lost, or whose job somebody asked to cancel."""
    if not renewed.lost and not renewed.cancelled:
        return
    runs = {(run.lease.queue, run.lease.id): run for run in page}
    for ref in renewed.lost:
        runs[ref.queue, ref.id].stop("lease-lost")
    for ref, reason in zip(renewed.cancelled, renewed.reasons, strict=True):
        runs[ref.queue, ref.id].stop("cancelled", reason)


def _settle(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_result(None)
