"""An app whose tasks run in processes of their own, for whoever kills, fills and freezes these."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import headrace

app = headrace.App(os.environ.get("HEADRACE_TEST_PRESSROOM", "memory://"))


@app.task(executor="process")
def where(number: int = 0) -> tuple[int, int]:
    return number, os.getpid()


@app.task(executor="process")
async def where_async() -> int:
    return os.getpid()


@app.task(executor="process", attempts=3)
def tell(text: str) -> int:
    ctx = headrace.context()
    ctx.progress.sync({"done": ctx.attempt})
    ctx.log.sync(f"{ctx.job.name} {text}")
    print(f"printed {text}")
    print(f"complained {text}", file=sys.stderr)
    if ctx.attempt < 3:
        raise ConnectionError(f"attempt {ctx.attempt}")
    return ctx.attempt


@app.task(executor="process")
async def tell_async(text: str) -> None:
    await headrace.context().log(text)


@app.task
async def leaf(number: int) -> int:
    if number < 0:
        raise headrace.Unrecoverable("below zero")
    return number


@app.task(executor="process")
def total() -> int:
    return sum(headrace.context().children.sync(leaf))


@app.task(executor="process")
def doubled(number: int = headrace.from_child(leaf)) -> int:
    return 2 * number


@app.task(executor="process")
def add_leaf(number: int) -> str:
    return str(leaf.enqueue.sync(number).ref)


@app.task(executor="process", attempts=5)
def raises(what: str) -> None:
    signals = {"later": headrace.Later(3600), "final": headrace.Unrecoverable("no"), "exit": SystemExit(3)}
    raise signals[what]


@app.task(executor="process", max_stalled=1)
def crash(how: str) -> None:
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.Signals[how])


@app.task(executor="process", recycle=2)
def twice() -> int:
    return os.getpid()


@app.task(executor="process", recycle=1)
def once() -> int:
    return os.getpid()


@app.task(executor="process", memory_max=200 << 20)
def eat(mib: int, keep: bool = False) -> int:
    food = bytearray(os.urandom(1024)) * (mib << 10)
    if keep:
        KEPT.append(food)
    time.sleep(0.3 if mib > 150 else 0)
    return os.getpid()


KEPT: list[bytearray] = []


@app.handler("crates", executor="process", recycle=2, kill_after=0.3)
def any_crate(job: headrace.Job[Any]) -> tuple[str, Any, int]:
    headrace.context().log.sync("opened")
    if job.name == "stuck":
        time.sleep(600)
    return job.name, job.data, os.getpid()


@app.task(executor="process", kill_after=0.3)
def deaf(folder: str) -> None:
    """Sleeps on, with a program of its own that does the same."""
    program = subprocess.Popen(["sleep", "600"])
    (Path(folder) / "pids").write_text(f"{os.getpid()} {program.pid}")
    time.sleep(600)


@app.task(executor="process", kill_after=0.3)
def hog(folder: str) -> None:
    """Sleeps with the interpreter's lock in its hands."""
    program = subprocess.Popen(["sleep", "600"])
    (Path(folder) / "pids").write_text(f"{os.getpid()} {program.pid}")
    hold(600)


@app.task(executor="process")
def polite(folder: str) -> str:
    (Path(folder) / "pids").write_text(str(os.getpid()))
    ctx = headrace.context()
    while not ctx.cancelled:
        time.sleep(0.01)
    return "ended"


@app.task(executor="process")
async def polite_async(folder: str) -> None:
    (Path(folder) / "pids").write_text(str(os.getpid()))
    await asyncio.sleep(600)


@app.task(executor="process")
def grip(seconds: float) -> None:
    hold(seconds)


@app.task(queue="gil", max_stalled=5)
async def grab(seconds: float) -> int:
    """Holds the interpreter's lock for so long, the first time that it runs."""
    if headrace.context().job.attempts_started == 1:
        hold(seconds)
    return os.getpid()


@app.task(queue="gil", max_stalled=5)
async def block(seconds: float) -> int:
    """Keeps the event loop busy for so long."""
    time.sleep(seconds)
    return os.getpid()


def hold(seconds: float) -> None:
    """A call into C that keeps the interpreter's lock all the while."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


class Mute:
    """What some put in the place of a stream."""

    def __init__(self, how: str) -> None:
        self._how = how

    def write(self, text: str) -> None: ...

    def flush(self) -> None:
        if self._how == "break":
            raise RuntimeError("it cannot be flushed")


@app.task(executor="process", recycle=1)
def spoil(how: str) -> str:
    """Leaves nothing to print to."""
    if how == "close":
        sys.stdout.close()
    else:
        sys.stdout = Mute(how)  # type: ignore[assignment]
    return how


@app.task(executor="process")
def wait_for_leaf(number: int) -> int:
    """Waits for a job that takes its time; not as long as a worker polls."""
    return app.enqueue.sync(leaf.call(number).options(delay=0.5)).result.sync(timeout=3)


@app.task(executor="process")
async def spread(number: int) -> list[int]:
    """Adds children as it runs, and sums them up when they are done."""
    ctx = headrace.context()
    if not await ctx.children_by_key():
        for each in range(number):
            await ctx.add_child(leaf.call(each), if_failed="ignore")
        raise headrace.WaitForChildren
    return await ctx.children(leaf)
