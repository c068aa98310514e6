"""A worker: claims the jobs of some queues, runs them, and keeps the house while it lives."""

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from headrace.core.commands import WorkerRecord
from headrace.core.errors import Misuse, NotImportable, Unavailable
from headrace.core.jobs import JobRef, Keep
from headrace.core.limits import Rate
from headrace.engine.bounds import check_concurrency, check_numbers
from headrace.engine.control import Control
from headrace.engine.deeds import deeds
from headrace.engine.errand import errands
from headrace.engine.expired import Expired
from headrace.engine.home import Home
from headrace.engine.hooks import Hooks, Middleware, tell
from headrace.engine.janitor import Janitor
from headrace.engine.leases import Leases
from headrace.engine.presence import Presence
from headrace.engine.pump import Pump
from headrace.engine.registry import ExecutorName, Handler, Registry
from headrace.engine.runner import Runner
from headrace.engine.scheduler import Scheduler
from headrace.engine.signals import Signals
from headrace.engine.telling import Telling
from headrace.engine.undisturbed import undisturbed
from headrace.engine.vitals import memory, version
from headrace.executors.batch import BatchExecutor
from headrace.executors.inline import InlineExecutor
from headrace.executors.messages import Setup
from headrace.executors.process import ProcessExecutor
from headrace.executors.protocol import Executor, Unready
from headrace.executors.threads import ThreadExecutor
from headrace.storage.protocol import Storage

NAMED_MAX: Final = 100  # jobs in the record of a worker

_log: Final = logging.getLogger("headrace")


class Worker:
    """Runs jobs of `queues` (all that have handlers if None), at most `concurrency` at once over all of them.

    `async with worker` claims and runs until the block ends, and lets running jobs end; `await worker.run()` does so
    until a signal. A worker is used once. The store must be open, and stay open until the worker is closed.
    """

    _processes: ProcessExecutor | None = None
    _is_started = _is_closed = False
    _signals = 0

    def __init__(
        self,
        storage: Storage,
        registry: Registry,
        *,
        queues: Iterable[str] | None = None,
        concurrency: int = 100,
        rate: Rate | None = None,
        lease_ms: int = 30_000,
        poll_ms: int = 5_000,
        name: str | None = None,
        keep_completed: Keep | None = None,
        keep_failed: Keep | None = None,
        middleware: Iterable[Middleware] = (),
        hooks: Hooks | None = None,
        place: Callable[[tuple[Handler, ...]], Setup] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`Misuse` if there is nothing to run, `InvalidOption` if a number is wrong; `place` is for child processes."""
        wanted = tuple(registry.queues() if queues is None else queues)
        if not (sources := registry.sources(wanted)):
            raise Misuse(f"no task or handler is registered for {', '.join(wanted) or 'any queue'}")
        check_numbers(concurrency, lease_ms, poll_ms)
        # The random part keeps tokens apart: two workers of one name must never settle for each other.
        self.id: Final = f"{name or socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._concurrency = concurrency
        self._sources = sources
        self._hooks = hooks or Hooks()
        self._telling = Telling(self._hooks)
        self._home = Home()
        self._threads = ThreadExecutor(concurrency)
        self._leases = Leases(storage, lease_ms)
        executors = self._executors(registry, registry.apart(wanted), place)
        runner = Runner(registry, executors, middleware=tuple(middleware), chance=chance)
        self._pump = Pump(
            storage,
            self._home,
            sources,
            self._leases,
            runner,
            worker=self.id,
            concurrency=concurrency,
            lease_ms=lease_ms,
            poll_ms=poll_ms,
            on_failed=self._telling.failed,
        )
        self._pump.pace.rate = rate
        self._janitor = Janitor(
            storage,
            self.id,
            lease_ms,
            keep={"completed": keep_completed, "failed": keep_failed},
            stalled=self._telling.stalled,
            expired=Expired(storage, self._hooks),
        )
        self._scheduler = Scheduler(storage, self.id, chance=chance)
        self._presence = Presence(storage, self._describe)
        told = deeds(self._home, self._pump, self._describe, self._resize)
        self._control = Control(storage, self.id, self._leases.poke, told, self._presence)
        self._closing = asyncio.Lock()

    @property
    def concurrency(self) -> int:
        """How many jobs it runs at once, over all its queues; `app.workers.set_concurrency` changes it."""
        return self._concurrency

    @property
    def processed(self) -> int:
        """Jobs whose outcome this worker has recorded."""
        return self._pump.processed

    @property
    def running(self) -> int:
        """Jobs in hand: they run, or their outcome is not recorded yet."""
        return self._pump.running

    @property
    def stray_threads(self) -> int:
        """Threads that go on although their job was given up; they end when their function returns."""
        return self._threads.strays

    async def start(self) -> None:
        """Begin to claim, on the running loop. Idempotent.

        `NotImportable` if there are tasks for child processes, and a child cannot load the app.
        """
        if self._is_closed:
            raise Misuse("a worker is used once; make another")
        if self._is_started:
            return
        await self._warm()
        self._is_started = True
        self._home.is_here()
        self._leases.start()
        self._control.start()  # the worker is announced once it hears what it is told
        self._pump.start()
        self._janitor.start()
        self._scheduler.start()
        await tell(self._hooks.started)

    async def drain(self) -> None:
        """Claim no more, and wait until every running job has ended and its outcome is recorded."""
        self._pump.drain()
        await self._pump.ended()

    async def hand_back(self) -> None:
        """Claim no more; give running jobs back at once, unburnt, to be the first that another worker claims.

        An async handler is cancelled. A plain function cannot be: it goes on in its thread, and nothing that it still
        does is recorded.
        """
        self._pump.hand_back()
        await self._pump.ended()

    async def close(self) -> None:
        """Hand back what still runs, and stop. After `drain` nothing runs any more. Idempotent."""
        async with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            # A task of its own: to cancel the caller must not leave half of this undone.
            await undisturbed(self._close())

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then let running jobs end; a second signal hands them back at once.

        Outside the main thread there are no signals; there it works until `drain` or `hand_back`.
        """
        with Signals(self._signalled):
            async with self:
                await self._pump.ended()

    async def run_until_idle(self) -> int:
        """Work until nothing runs and nothing can be claimed, for tests: the number of outcomes recorded so far.

        Slots of schedules that have come are fired first. A delayed job is not waited for, a retry without pause is. A
        worker that was not started is closed again.
        """
        if self._is_started:
            await self._idle()
        else:
            async with self:
                await self._idle()
        return self.processed

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.drain()
        finally:
            await self.close()

    async def _idle(self) -> None:
        with suppress(Unavailable):  # the loop of the scheduler goes on trying
            await self._scheduler.fire_due()
        await self._pump.idle()

    def _executors(
        self, registry: Registry, apart: tuple[Handler, ...], place: Callable[[tuple[Handler, ...]], Setup] | None
    ) -> dict[ExecutorName, Executor]:
        inline = InlineExecutor()
        self._batches = BatchExecutor(self._concurrency, inline, self._threads)
        made: dict[ExecutorName, Executor] = {"inline": inline, "thread": self._threads, "batch": self._batches}
        if apart and place is None:
            raise NotImportable(task=apart[0].title, problem="this worker does not know where its code is")
        if apart and place is not None:
            made["process"] = self._processes = ProcessExecutor(self._concurrency, place(apart), errands(registry))
        return made

    async def _close(self) -> None:
        await self.hand_back()
        await self._pump.stop()
        await self._control.stop()
        await self._leases.stop()
        await self._janitor.stop()
        await self._scheduler.stop()
        await self._presence.stop()
        self._threads.close()
        if self._processes is not None:
            self._processes.close()
            await self._processes.ended()
        if self._is_started:
            await tell(self._hooks.stopped)
        await self._telling.ended()

    async def _warm(self) -> None:
        if self._processes is None:
            return
        try:
            await self._processes.warm()
        except Unready as error:
            self._processes.close()
            raise NotImportable(f'tasks with executor="process" cannot run: {error}') from None

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals == 1:
            _log.info("stopping: %d jobs may end; signal once more to hand them back", self.running)
            self._pump.drain()
        elif self._signals == 2:
            _log.info("stopping now: %d jobs are handed back", self.running)
            self._pump.hand_back()

    def _describe(self) -> WorkerRecord:
        return WorkerRecord(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            sources=self._sources,
            concurrency=self._concurrency,
            rate=self._pump.pace.rate,
            running=self.running,
            processed=self.processed,
            state=self._pump.state,
            version=version(),
            memory=memory(),
            lag_ms=self._presence.lag.ms,
            blocked_ms=self._presence.lag.blocked_ms,
            jobs=tuple(JobRef(run.lease.queue, run.lease.id) for run in self._leases.runs()[:NAMED_MAX]),
        )

    def _resize(self, concurrency: int) -> None:
        check_concurrency(concurrency)
        self._concurrency = self._threads.size = self._batches.most = concurrency
        if self._processes is not None:
            self._processes.size = concurrency
        self._pump.resize(concurrency)
