"""Locks over processes: no two are inside together, and the lock of one that is killed comes free when it expires."""

import asyncio
import subprocess
import sys

from headrace import App
from tests.faults.ground import Ground

PATIENCE_S = 60.0
PROCESSES, TIMES = 4, 15
TTL_S = 1.0
COUNTING = """
import sys
from pathlib import Path
import headrace

url, count, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with headrace.App(url) as app:
    for _ in range(times):
        with app.lock.sync("count", timeout=60):
            before = int(count.read_text())
            count.write_text("")  # whoever comes in now finds no number
            count.write_text(str(before + 1))
"""
HOLDING = """
import sys, time
import headrace

with headrace.App(sys.argv[1]) as app, app.lock.sync("held", ttl=float(sys.argv[2])) as lock:
    print(lock.fence, flush=True)
    time.sleep(600)
"""


async def test_processes_take_turns(ground: Ground) -> None:
    url, count = ground.url, ground.folder / "count"
    count.write_text("0")
    async with App(url) as app, asyncio.timeout(PATIENCE_S):
        command = (sys.executable, "-c", COUNTING, url, str(count), str(TIMES))
        running = [await asyncio.create_subprocess_exec(*command) for _ in range(PROCESSES)]
        assert [await process.wait() for process in running] == [0] * PROCESSES
        assert await app.locks.list() == []
    assert count.read_text() == str(PROCESSES * TIMES)


async def test_the_lock_of_a_killed_process_is_free_when_its_time_is_over(ground: Ground) -> None:
    url = ground.url
    command = (sys.executable, "-c", HOLDING, url, str(TTL_S))
    async with App(url, settings={"poll": 30.0}) as app, asyncio.timeout(PATIENCE_S):
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        fence = int(await process.stdout.readline())
        await asyncio.sleep(2 * TTL_S)
        assert len(await app.locks.list("held")) == 1, "it is renewed while its owner lives"
        process.kill()
        await process.wait()
        async with app.lock("held", timeout=20 * TTL_S) as lock:
            assert lock.fence > fence
