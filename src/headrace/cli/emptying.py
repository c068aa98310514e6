"""`headrace queues drain | clean | obliterate | retry-all | promote-all`: many jobs of one queue at once."""

from typing import Annotated

from cyclopts import App, Parameter

from headrace.cli import output
from headrace.cli.options import SURE, SWEEPING, QueueName, Sure, Sweeping, seconds, whole
from headrace.cli.store import known, opened
from headrace.cli.sweeps import act_on, bar, confirm, jobs, tell
from headrace.sweep import Removable


def register(app: App) -> None:
    """Put these verbs below their noun."""
    for verb in (drain, clean, obliterate, retry_all, promote_all):
        app.command(verb, name=verb.__name__.replace("_", "-"))


async def drain(
    queue: QueueName,
    /,
    *,
    delayed: Annotated[bool, Parameter(help="Those that are delayed, too.")] = False,
    common: Sweeping = SWEEPING,
) -> int:
    """Remove the jobs that are ready to run; those that run or have finished stay.

    Example: headrace queues drain emails --yes
    """
    async with opened(common) as store:
        await known(store, [queue])
        selection = store.queue(queue).select("waiting,prioritized,delayed" if delayed else "waiting,prioritized")
        emptied = store.queue(queue)
        return await act_on(
            selection, "remove", "removed", lambda _, told: emptied.drain(delayed=delayed, progress=told), common
        )


async def clean(
    queue: QueueName,
    /,
    *,
    state: Annotated[Removable, Parameter(metavar="STATE", help="In which state.")] = "completed",
    older_than: Annotated[str, Parameter(metavar="SPAN", help="Finished, or added, so long ago: 12h, 7d.")] = "0",
    limit: Annotated[int | None, Parameter(converter=whole, metavar="N", help="At most so many.")] = None,
    common: Sure = SURE,
) -> int:
    """Remove the jobs in one state, the oldest first.

    Those that run stay with their workers.

    Example: headrace queues clean emails --state failed --older-than 7d --yes
    """
    age = seconds("--older-than", older_than)
    async with opened(common) as store:
        await known(store, [queue])
        if not common.yes:
            most = "all" if limit is None else f"at most {limit}"
            old = f" that are older than {older_than}" if age else ""
            confirm(f"remove {most} {state} jobs of {queue}{old}", "yes")
        with bar("clean") as progress:
            swept = await store.queue(queue).clean(state, older_than=age, limit=limit, progress=progress)
    return tell(swept, "removed", is_json=common.json)


async def obliterate(
    queue: QueueName,
    /,
    *,
    force: Annotated[bool, Parameter(help="Take running jobs from their workers.")] = False,
    common: Sure = SURE,
) -> None:
    """Remove a queue and every job of it; asks you to type its name.

    While jobs run it is refused, unless it is done by --force.

    Example: headrace queues obliterate emails --force
    """
    async with opened(common) as store:
        (record,) = await known(store, [queue])
        count = sum(record.counts.values())
        if not common.yes:
            confirm(f"obliterate {queue} with {jobs(count)}", queue)
        with bar("obliterate") as progress:
            await store.queue(queue).obliterate(force=force, progress=progress)
    if common.json:
        output.document({"obliterated": queue})
    else:
        output.line(f"{queue} obliterated")


async def retry_all(queue: QueueName, /, *, common: Sweeping = SWEEPING) -> int:
    """Run all failed jobs of a queue again.

    Example: headrace queues retry-all emails --yes
    """
    async with opened(common) as store:
        await known(store, [queue])
        selection = store.queue(queue).select("failed")
        return await act_on(selection, "retry", "retried", lambda found, told: found.retry(progress=told), common)


async def promote_all(queue: QueueName, /, *, common: Sweeping = SWEEPING) -> int:
    """Let all delayed jobs of a queue run now.

    Example: headrace queues promote-all emails --yes
    """
    async with opened(common) as store:
        await known(store, [queue])
        selection = store.queue(queue).select("delayed")
        return await act_on(selection, "promote", "promoted", lambda found, told: found.promote(progress=told), common)
