"""Fresh processes: each sample is taken in one of its own, so that none inherits the memory or the mood of another."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
PATIENCE_S: Final = 120.0


class ChildFailed(Exception):
    """A child did not bring its figure."""


def ask(measurement: str, path: Path, **given: int) -> dict[str, Any]:
    """What a function of `benchmarks.inside` or `benchmarks.across` answers, run in a process of its own."""
    done = subprocess.run(
        _command(measurement, path, given), capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        raise ChildFailed(f"{measurement} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@contextmanager
def beside(measurement: str, path: Path, **given: int) -> Iterator[subprocess.Popen[str]]:
    """A process that works while the block runs; it ends when its standard input does, or is killed."""
    process = subprocess.Popen(
        _command(measurement, path, given), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _command(measurement: str, path: Path, given: dict[str, int]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.inside", measurement, str(path), json.dumps(given)]
