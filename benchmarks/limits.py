"""What the machine can do at best, with nothing of ours in the way; the disk is measured by `headrace bench` too."""

import asyncio
import subprocess
import sys
import threading
import time
from queue import SimpleQueue
from typing import Final

from headrace.storage.sql.limits import MOMENT_S

TASKS: Final = 100  # made at once, as a worker of that concurrency makes them


def task_us() -> float:
    """The time in which asyncio makes a task that does nothing, runs it, and tells its end."""

    async def nothing() -> None:
        pass

    async def measure() -> float:
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < MOMENT_S:
            await asyncio.gather(*(nothing() for _ in range(TASKS)))
            count += TASKS
        return spent / count * 1e6

    return asyncio.run(measure())


def hand_over_us() -> float:
    """The time for which a loop waits when it asks a thread for nothing: there and back again."""
    asked: SimpleQueue[asyncio.Future[None] | None] = SimpleQueue()

    async def measure() -> float:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=serve, args=(loop,))
        thread.start()
        count, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < MOMENT_S:
            future: asyncio.Future[None] = loop.create_future()
            asked.put(future)
            await future
            count += 1
        asked.put(None)
        thread.join()
        return spent / count * 1e6

    def serve(loop: asyncio.AbstractEventLoop) -> None:
        while (future := asked.get()) is not None:
            loop.call_soon_threadsafe(future.set_result, None)

    return asyncio.run(measure())


def seconds_of_python(code: str) -> float:
    """The time of a fresh interpreter that runs this and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start
