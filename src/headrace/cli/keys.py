"""`headrace queues dedup` and `forget-dedup`: who has a dedup key, and to let it be free by hand."""

from typing import Annotated

from cyclopts import App, Parameter
from msgspec import structs

from headrace.cli import output
from headrace.cli.failure import Exit, say
from headrace.cli.options import SHOWN, QueueName, Shown
from headrace.cli.store import known, opened
from headrace.cli.text import instant
from headrace.core.commands import DedupRecord


def register(app: App) -> None:
    """Put the verb below its noun."""
    app.command(dedup)
    app.command(forget_dedup, name="forget-dedup")


async def dedup(
    queue: Annotated[str, Parameter(name="QUEUE", help="Its name.")],
    key: Annotated[str, Parameter(name="KEY", help="The dedup key.")],
    /,
    *,
    common: Shown = SHOWN,
) -> int:
    """Show which job has a dedup key, and until when. Exit code 3 if no job has it.

    Example: headrace queues dedup images a.png
    """
    async with opened(common) as store:
        await known(store, [queue])
        found = await store.queue(queue).dedup(key)
    if common.json:
        fields = dict.fromkeys(DedupRecord.__struct_fields__) if found is None else structs.asdict(found)
        output.document({"queue": queue, "dedup": key} | fields | {"job": None if found is None else str(found.job)})
    elif found is None:
        say(f"no job of {queue} has the dedup key {key!r}")
    else:
        kept = "; a duplicate is kept for its end" if found.is_kept else ""
        output.line(f"{found.job} has {key} {_until(found)}{kept}")
    return Exit.OK if found is not None else Exit.NOT_FOUND


def _until(found: DedupRecord) -> str:
    if found.is_forever:
        return "for ever"
    return "until it has finished" if found.expires_at is None else f"until {instant(found.expires_at)}"


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
