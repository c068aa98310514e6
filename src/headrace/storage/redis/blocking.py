"""Commands from threads that cannot wait on the loop of a store: leases are renewed this way.

A thread with a loop has a store of its own, and so a connection that the work of the others never holds up.
"""

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import Any, Final

from headrace.core.commands import Command
from headrace.core.errors import CannotOpen, Unavailable
from headrace.storage.protocol import Storage

ANSWER_S: Final = 5.0  # a server that is busy for longer is asked again, while there is something left of a lease
CLOSE_S: Final = 5.0  # for the thread to end


class Blocking:
    """A store that is nobody else's, in a thread that begins with the first command and ends with `end`."""

    def __init__(self, store: Storage) -> None:
        self._store = store
        self._opening = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_ended = False
        self._lock = threading.Lock()

    def run(self, *commands: Command[Any]) -> Any:
        """As `Storage.run`, and the calling thread waits."""
        with self._lock:
            if self._is_ended:
                raise Unavailable(problem="it is not open")
            loop = self._loop = self._loop or self._begun()
            answer = asyncio.run_coroutine_threadsafe(self._answer(*commands), loop)
        try:
            return answer.result()
        except CancelledError:
            raise Unavailable(problem="it was closed") from None

    def end(self) -> None:
        """Close the connections; whoever still waits gets `Unavailable`. Idempotent."""
        with self._lock:
            self._is_ended = True
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    def _begun(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(loop,), name="headrace-redis-blocking", daemon=True)
        self._thread.start()
        return loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.get_loop().run_forever()
            runner.run(self._store.close())

    async def _answer(self, *commands: Command[Any]) -> Any:
        try:
            async with asyncio.timeout(ANSWER_S):
                async with self._opening:
                    await self._store.open()
                return await self._store.run(*commands)
        except CannotOpen as error:
            raise Unavailable(problem=str(error.fields["problem"])) from None
        except TimeoutError:
            raise Unavailable(problem=f"no answer within {ANSWER_S:.0f} s") from None
