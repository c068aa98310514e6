"""What a process takes: memory over many jobs, time to import and to start."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.children import ROOT, ChildFailed, ask
from benchmarks.figure import Figure, Goal, Limit
from benchmarks.limits import seconds_of_python

JOBS: Final = 200_000
GROWTH_MAX: Final = 5.0  # per cent from 20,000 to 200,000 jobs: "flat"
READY: Final = "ready"
START_MAX_S: Final = 20.0
TIMED: Final = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def memory(bench: Bench) -> list[Figure]:
    """Resident memory of a worker's process while it works through many jobs."""
    file = bench.file()
    count = bench.amount(JOBS)
    ask("fill", file, count=count)
    answer = ask("memory", file, count=count)
    bench.drop(file)
    first, half, last = answer["sizes"]
    growth = 100 * (last / first - 1)
    size = Figure("memory", f"worker, {count:,} jobs on", "MiB", [last], note=f"{answer['before']:.0f} before")
    more = Figure("memory-growth", "grown since a tenth", "% more", [growth], goal=Goal(GROWTH_MAX, "at most"))
    more.note = f"{first:.1f}, {half:.1f}, {last:.1f} MiB after a tenth, half, all"
    return [size, more]


def importing(bench: Bench) -> list[Figure]:
    """`import headrace` in a fresh process, beside the parts of it that are not ours."""
    limit = Limit("import asyncio, msgspec")
    figure = Figure("import", "import headrace", "ms", limit=limit, goal=Goal(150, "at most"))
    _import_ms("headrace")  # the first writes byte code, or reads it from a cold disk
    for _ in range(bench.times()):
        bench.pair(figure, partial(_import_ms, "headrace"), partial(_import_ms, "asyncio, msgspec"))
    return [figure]


def _import_ms(names: str) -> float:
    done = subprocess.run([sys.executable, "-c", TIMED.format(names)], capture_output=True, check=True, cwd=ROOT)
    return float(done.stdout) * 1000


def starting(bench: Bench) -> list[Figure]:
    """`headrace worker` from the start of the process to the line that says that it is ready."""
    limit = Limit("python, import asyncio")
    figure = Figure("start", "headrace worker, ready", "ms", limit=limit, goal=Goal(400, "at most"))
    if importlib.util.find_spec("headrace.cli") is None:
        figure.note = "not measured: there is no command line yet"
        return [figure]
    try:
        for _ in range(bench.times()):
            file = bench.file()
            bench.pair(figure, partial(_start_ms, file), lambda: seconds_of_python("import asyncio") * 1000)
            bench.drop(file)
    except ChildFailed as error:
        figure.note = f"not measured: {error}"
    return [figure]


def _start_ms(file: Path) -> float:
    command = [str(Path(sys.executable).with_name("headrace")), "worker", "benchmarks.started:app"]
    environment = {**os.environ, "HEADRACE_URL": f"sqlite:///{file}"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if READY in line:
                return (time.perf_counter() - start) * 1000
        raise ChildFailed(f"it ended with {process.wait(START_MAX_S)} and never said that it is ready")
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(START_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
