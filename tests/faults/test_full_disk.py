"""The disk is full, and then it is not: what was acknowledged is there, and nobody had to start anew."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from headrace.core.commands import Get
from headrace.core.jobs import JobRef
from headrace.storage import open as open_store
from headrace.storage.protocol import granted
from headrace.storage.sql.connect import connect
from tests.crash.tables import faults
from tests.house.source import ROOT


async def test_a_file_that_may_not_grow_refuses_and_goes_on_when_it_may(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    command = [sys.executable, "-m", "tests.faults.full", str(path)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    lines = child.stdout.split("\n")
    assert child.returncode == 0, child.stderr
    assert [line for line in lines if line.startswith("full")] == ["full storage-full True"]
    assert lines[-2:] == ["stored", ""]
    acknowledged = [line for line in lines if line.isdigit()]
    assert len(acknowledged) > 10
    store = open_store(f"sqlite:///{path}")
    await store.open()
    jobs = granted(await store.run(Get(tuple(JobRef("q", number) for number in acknowledged)))).jobs
    assert [job and job.state for job in jobs] == ["completed", *["waiting"] * (len(jobs) - 1)]
    await store.close()
    with closing(connect(str(path))) as db:
        assert faults(db) == []
