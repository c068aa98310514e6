"""A worker process for the fault tests: `python -m tests.faults.mill URL LEASE_MS CONCURRENCY [FOLDER]`.

Prints a line when it is ready and one when it has stopped by itself. With a folder it writes there what it saw.
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from headrace.core import codec
from headrace.core.jobs import Lease
from headrace.engine.hooks import Hooks
from headrace.engine.registry import Handler, Registry
from headrace.storage import open as open_store
from headrace.worker import Worker
from tests.faults.tower import told
from tests.history.recorder import of_process


async def nap(ms: int) -> int:
    """An async job of some milliseconds."""
    await asyncio.sleep(ms / 1000)
    return os.getpid()


def doze(ms: int) -> int:
    """The same in a thread, deaf to everything."""
    time.sleep(ms / 1000)
    return os.getpid()


async def hog(ms: int) -> int:
    """An async job that does not let the event loop go on."""
    time.sleep(ms / 1000)
    return os.getpid()


async def crash() -> None:
    """A poison pill."""
    os.kill(os.getpid(), signal.SIGKILL)


def registry() -> Registry:
    made = Registry()
    for function in (nap, doze, hog, crash):
        executor = "inline" if asyncio.iscoroutinefunction(function) else "thread"
        made.add(Handler("q", function.__name__, function, parse, codec.encode, executor))  # type: ignore[arg-type]
    return made


def parse(lease: Lease) -> tuple[tuple[()], dict[str, object]]:
    return (), codec.decode(lease.data)


async def main(url: str, lease_ms: int, concurrency: int, folder: str | None = None) -> None:
    store = open_store(url, clock=told())
    if folder is not None:
        store = of_process(store, Path(folder), f"mill-{os.getpid()}-{time.monotonic_ns()}")  # process ids come again
    await store.open()
    hooks = Hooks(started=(lambda: print("ready", flush=True),))
    worker = Worker(store, registry(), lease_ms=lease_ms, poll_ms=1_000, concurrency=concurrency, hooks=hooks)
    await worker.run()
    await store.close()
    print("stopped", worker.processed, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
