"""A process that makes one call on a file and kills itself before a statement of it.

`python -m tests.crash.child FILE NOW SCENE STATEMENT`
"""

import asyncio
import os
import signal
import sys

from headrace.storage import open as open_store
from headrace.storage.sql.sqlite import SqliteStore
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk
from tests.crash.scenes import calls, world
from tests.crash.statements import watched


async def main(path: str, now: int, scene: str, statement: int) -> None:
    clock = FrozenClock()
    rehearsal = open_store("memory://", clock=clock)  # the same world, to know its leases
    await rehearsal.open()
    commands = calls(await world(Desk(rehearsal), clock))[scene]

    def stop(number: int, sql: str) -> None:
        if number == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    with watched() as statements:
        store = SqliteStore(path, clock=FrozenClock(now))
        await store.open()
        statements.arm(stop)
        await store.run(*commands)
        statements.disarm()
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
