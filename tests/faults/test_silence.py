"""A worker that is killed gives no sign of life: it is shown as silent, and then forgotten."""

import asyncio
import signal
from pathlib import Path

from headrace import App
from tests.cli.project import PATIENCE_S, Project

GONE_S = 20.0  # a worker is forgotten 15 s after its last beat


async def test_a_killed_worker_is_silent_and_then_forgotten(tmp_path: Path) -> None:
    project = Project(tmp_path)
    seen: list[bool] = []
    with project.running("worker", "jobs:app") as running:
        running.ready()
        async with App(project.url) as app, asyncio.timeout(PATIENCE_S + GONE_S):
            while not await app.workers.list():
                await asyncio.sleep(0.05)
            running.signal(signal.SIGKILL)
            while living := await app.workers.list():
                seen.append(living[0].is_silent)
                if seen[-2:] == [False, True]:
                    listed = await asyncio.to_thread(project.run, "workers", "list")
                    assert listed.out.splitlines()[1].split()[1] == "silent"
                await asyncio.sleep(0.2)
    assert list(dict.fromkeys(seen)) == [False, True]
