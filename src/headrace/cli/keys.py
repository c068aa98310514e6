"""`headrace queues forget-dedup`: let a dedup key be free by hand."""

from typing import Annotated

from cyclopts import App, Parameter

from headrace.cli import output
from headrace.cli.failure import Exit, say
from headrace.cli.options import SHOWN, QueueName, Shown
from headrace.cli.store import known, opened


def register(app: App) -> None:
    """Put the verb below its noun."""
    app.command(forget_dedup, name="forget-dedup")


async def forget_dedup(
    queue: QueueName,
    key: Annotated[str, Parameter(name="KEY", help="The dedup key.")],
    /,
    *,
    common: Shown = SHOWN,
) -> int:
    """Forget a dedup key: the next job with it is added.

    The job that has the key stays as it is. Exit code 3 if no job has it.

    Example: headrace queues forget-dedup images a.png
    """
    async with opened(common) as store:
        await known(store, [queue])
        job = await store.queue(queue).forget_dedup(key)
    if common.json:
        output.document({"queue": queue, "dedup": key, "job": None if job is None else str(job)})
    elif job is None:
        say(f"no job of {queue} has the dedup key {key!r}")
    else:
        output.line(f"{key} forgotten; {job} had it")
    return Exit.OK if job is not None else Exit.NOT_FOUND
