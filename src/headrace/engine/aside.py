"""A ticker that goes on while a handler keeps the event loop busy.

Where the store has a way to run a command from any thread (`run_blocking`), the beats are in a thread with a loop of
its own; elsewhere they are on the loop that started them, and stand still with it.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from headrace.core.commands import Command
from headrace.engine.ticker import Ticker
from headrace.storage.protocol import Storage, granted

A = TypeVar("A")

STOP_MAX_S: Final = 5.0  # for a beat that is under way in the thread


class Aside:
    """Calls `beat` every `every_s` seconds from `start` to `stop`, the first time at once; see `Ticker`."""

    def __init__(self, storage: Storage, name: str, beat: Callable[[], Awaitable[None]], every_s: float) -> None:
        self._storage = storage
        self._run: Callable[[Command[Any]], Any] | None = getattr(storage, "run_blocking", None)
        self._work = beat
        self._ticker = Ticker(name, self._beat, every_s)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def is_apart(self) -> bool:
        """Whether the beats are in a thread."""
        return self._run is not None

    @property
    def is_abandoned(self) -> bool:
        """Whether the loop that started this was closed."""
        return self._loop is not None and self._loop.is_closed()

    def start(self) -> None:
        """Begin, on the running loop. Once."""
        self._loop = asyncio.get_running_loop()
        if self._run is None:
            self._ticker.start()
            return
        self._ended = self._loop.create_future()
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._thread_loop = runner.get_loop()  # there before the thread is, so that it hears whatever it is told
        threading.Thread(target=self._serve, args=(runner,), name=f"headrace-{self._ticker.name}", daemon=True).start()

    def poke(self) -> None:
        """Beat now."""
        if self._ended is None:
            self._ticker.poke()
        elif self._thread_loop is not None:
            self._thread_loop.call_soon_threadsafe(self._ticker.poke)

    def end(self) -> None:
        """Let the beat that is under way come to its end; none follows. Idempotent."""
        if self._ended is None:
            self._ticker.end()
        elif self._thread_loop is not None:
            self._thread_loop.call_soon_threadsafe(self._ticker.end)
            self._thread_loop = None  # it closes when that is done: nobody may speak to it again

    async def stop(self) -> None:
        """End, and wait until that is so. Idempotent."""
        if self._ended is None:
            await self._ticker.stop()
        elif not self._ended.done():
            self.end()
            await asyncio.wait([self._ended], timeout=STOP_MAX_S)

    async def ask(self, command: Command[A]) -> A:
        """In a beat: what the store answers; a refusal is raised."""
        reply: A = granted(await self._storage.run(command) if self._run is None else self._run(command))
        return reply

    def tell(self, function: Callable[..., object], *news: object) -> None:
        """In a beat: call this on the loop that everything else lives on."""
        if self._run is None:
            function(*news)
        else:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(function, *news)

    def _serve(self, runner: asyncio.Runner) -> None:
        """The thread: a loop of its own for a ticker whose beats block."""
        assert self._loop is not None
        assert self._ended is not None
        with runner:
            runner.run(self._ticker.run())
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, self._ended)

    async def _beat(self) -> None:
        if self.is_abandoned:
            self._ticker.end()
            return
        await self._work()


def _settle(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_result(None)
