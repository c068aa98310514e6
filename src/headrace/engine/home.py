"""The one event loop on which an app does its I/O, whoever asks: a coroutine elsewhere, or a thread."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from headrace.core.errors import Misuse, Unavailable
from headrace.engine.loop import run

R = TypeVar("R")

JOIN_MAX_S: Final = 5.0


class Home:
    """The loop of an app: the first that uses it, or one in a thread of our own when a blocking call comes first.

    A loop that has ended, or that a fork left in another process, is replaced at the next use; then the hooks of
    `on_rebind` run, before anything else does, so that what was opened on the old loop can be opened afresh.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._pid = 0
        self._lock = threading.RLock()
        self._hooks: list[Callable[[], None]] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The home loop, None before first use and after `close`."""
        return self._loop

    def on_rebind(self, hook: Callable[[], None]) -> None:
        """Call `hook` whenever another loop takes the place of one that has ended."""
        self._hooks.append(hook)

    def is_here(self) -> bool:
        """Whether the running loop is the home loop. A home without a living loop takes the running one."""
        running = asyncio._get_running_loop()
        if running is None or running is self._loop:
            return running is not None
        with self._lock:
            if self._is_gone():
                self._bind(running)
            return running is self._loop

    async def carry(self, make: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Run what `make` makes on the home loop, from any loop. To cancel this is to cancel that."""
        if self.is_here():
            return await make()
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(), self._loop))

    def check(self, name: str) -> None:
        """`Misuse` where a blocking call would stop a running event loop."""
        if asyncio._get_running_loop() is not None:
            raise Misuse(
                f"{name}.sync(…) blocks, and an event loop runs in this thread: use {name}(…) without .sync"
                " (or call it from a thread, with asyncio.to_thread)"
            )

    def block(self, name: str, make: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """Run what `make` makes on the home loop and wait for it; `Misuse` where that would stop a running loop."""
        self.check(name)
        with self._lock:
            if self._is_gone():
                self._bind(self._background())
            assert self._loop is not None
            future = asyncio.run_coroutine_threadsafe(make(), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Unavailable(problem=f"the event loop ended during {name}") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread of our own, if there is one. The next use finds a home anew. Idempotent."""
        with self._lock:
            loop, thread, stop = self._loop, self._thread, self._stop
            self._loop = self._thread = self._stop = None
        if loop is None or thread is None or stop is None or self._pid != os.getpid():
            return
        loop.call_soon_threadsafe(stop.set)
        if thread is not threading.current_thread():
            thread.join(JOIN_MAX_S)

    def _is_gone(self) -> bool:
        return self._loop is None or not self._loop.is_running() or self._pid != os.getpid()

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        is_change = self._loop is not None
        self._loop, self._pid = loop, os.getpid()
        for hook in self._hooks if is_change else ():
            hook()

    def _background(self) -> asyncio.AbstractEventLoop:
        started = threading.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        async def serve() -> None:
            self._stop = stop = asyncio.Event()
            loops.append(asyncio.get_running_loop())
            started.set()
            await stop.wait()

        self._thread = threading.Thread(target=lambda: run(serve()), name="headrace-io", daemon=True)
        self._thread.start()
        started.wait()
        return loops[0]
