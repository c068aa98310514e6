"""A process that adds jobs to a file until it may not grow, and again when it may: `python -m tests.faults.full FILE`.

Prints a line for each job that was acknowledged, `full CODE` when one was not, and `stored` when adding works again.
"""

import asyncio
import resource
import signal
import sys
from pathlib import Path

from headrace.core.commands import Add, Claim, Settle, Source
from headrace.core.errors import HeadraceError
from headrace.core.jobs import Lease, NewJob
from headrace.core.lifecycle import settle
from headrace.core.outcomes import Done
from headrace.storage import open as open_store
from headrace.storage.protocol import Storage, granted

ROOM = 512 * 1024  # bytes that the file, or its log, may still grow by
BIG = f'"{"x" * 20_000}"'
TRIES_MAX = 200


def bound(path: str) -> None:
    """From here on no file of this process may grow beyond a bound."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write that is too long fails instead
    size = max(Path(f"{path}{ending}").stat().st_size for ending in ("", "-wal"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + ROOM, resource.RLIM_INFINITY))


async def add(store: Storage) -> None:
    added = granted(await store.run(Add((NewJob("q", "big", BIG),))))
    print(added.jobs[0].id, flush=True)


async def finish(store: Storage, lease: Lease) -> None:
    assert granted(await store.run(Settle((settle(lease, Done(), 0.0),)))).refusals == (None,)
    print("finished", lease.id, flush=True)


async def main(path: str) -> None:
    store = open_store(f"sqlite:///{path}")
    await store.open()
    await add(store)
    (running,) = granted(await store.run(Claim((Source("q"),), 1, "t", 60_000))).leases
    bound(path)
    for _ in range(TRIES_MAX):
        try:
            await add(store)
        except HeadraceError as error:
            print("full", error.code, error.retryable, flush=True)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await add(store)
    await finish(store, running)
    print("stored", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
