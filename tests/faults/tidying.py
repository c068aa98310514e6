"""An app of jobs with steps, for whoever kills its workers. What is done is written into a folder.

A handler that is to be held waits for the file `gate`; `hold` says where: before its effect, or after it.
"""

import asyncio
import os
from pathlib import Path

import headrace

app = headrace.App(os.environ.get("HEADRACE_TEST_PRESSROOM", "memory://"))


@app.task(queue="work")
async def work(folder: str, fails: bool, hold: str = "", ms: int = 0) -> None:
    await act(Path(folder), "work", hold, ms)
    if fails:
        raise headrace.Unrecoverable("no")


@app.task(queue="steps")
async def tidy(folder: str, hold: str = "", ms: int = 0) -> str:
    """What is to be done however the work has ended."""
    await act(Path(folder), "tidy", hold, ms)
    return (await headrace.context().ended()).state or "removed"


@app.task(queue="steps")
async def tell(folder: str, hold: str = "", ms: int = 0) -> str:
    """What is to be done when the work has failed."""
    await act(Path(folder), "tell", hold, ms)
    failure = (await headrace.context().ended()).failure
    return failure.reason if failure is not None else ""


async def act(folder: Path, name: str, hold: str, ms: int) -> None:
    job = headrace.context().job
    note(folder, f"{name} begun")
    await held(folder, hold == "before")
    try:
        # The effect is single because it is done under the name of the job: whoever comes second finds it done.
        (folder / f"{job.queue}-{job.id}").open("x").close()
        note(folder, f"{name} done")
    except FileExistsError:
        note(folder, f"{name} found done")
    await held(folder, hold == "after")
    await asyncio.sleep(ms / 1000)


async def held(folder: Path, is_here: bool) -> None:
    while is_here and not (folder / "gate").exists():
        await asyncio.sleep(0.01)


def note(folder: Path, line: str) -> None:
    with (folder / "notes").open("a") as notes:
        notes.write(f"{line}\n")
