"""`python -m examples.script FOLDER…`: which files are there twice? Without asyncio."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import headrace
from examples.script.digests import URL, app, digest


@contextmanager
def worker() -> Generator[None]:
    """A worker of this app in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "headrace", "worker", "examples.script.digests:app", "-c", "4"]
    with subprocess.Popen(command, env={**os.environ, "HEADRACE_URL": URL}, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def call(path: Path) -> headrace.Call[str]:
    """The call for a file; a file that has not changed is the same job."""
    changed_at = path.stat().st_mtime_ns
    name = str(path.resolve()).replace(":", ";")[-200:]
    return digest.call(str(path.resolve()), changed_at).options(job_id=f"{name} at {changed_at}")


def main(folders: list[str]) -> int:
    """Print groups of equal files."""
    paths = sorted(path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    print(f"{len(paths)} files in {', '.join(folders)}")
    same: dict[str, list[Path]] = defaultdict(list)
    with app, worker():
        jobs = app.enqueue_many.sync(call(path) for path in paths)
        for path, job in zip(paths, jobs, strict=True):
            same[job.result.sync(timeout=60)].append(path)
    for group in same.values():
        if len(group) > 1:
            print("the same:", *group)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["."]))
