"""`headrace jobs`: find them, look at them, and move them by hand."""

from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from headrace.app import App
from headrace.cli import moves, output
from headrace.cli.failure import say
from headrace.cli.lines import follow, printed
from headrace.cli.listing import Cursor, find, rows
from headrace.cli.options import SHOWN, Shown, noun
from headrace.cli.record import as_json, as_pairs, ref
from headrace.cli.store import opened
from headrace.core.jobs import State
from headrace.job import Job

app = noun("jobs", "Find, read and move jobs.")

LIMIT = 20

One: TypeAlias = Annotated[str, Parameter(name="JOB", help="The job, as QUEUE/ID.")]
Many: TypeAlias = Annotated[list[str], Parameter(name="JOB", help="One or more, as QUEUE/ID.")]

States: TypeAlias = Annotated[
    list[State] | None, Parameter(metavar="STATE", help="In this state only; may be repeated.")
]


@app.command(name="list")
async def list_(
    queue: Annotated[str | None, Parameter(name="QUEUE", help="This queue only.")] = None,
    /,
    *,
    state: Annotated[
        list[State] | None, Parameter(metavar="STATE", help="In this state only; may be repeated.")
    ] = None,
    limit: Annotated[int, Parameter(metavar="N", help="At most so many: 20 if not given.")] = LIMIT,
    after: Annotated[str | None, Parameter(metavar="CURSOR", help="Go on from where a page ended.")] = None,
    common: Shown = SHOWN,
) -> None:
    """List jobs: what runs, what waits, what has finished.

    Example: headrace jobs list emails --state failed
    """
    start = Cursor.read(after) if after else None
    async with opened(common) as store:
        records, end = await find(store, queue, state or (), limit, start)
    if common.json:
        output.document({"jobs": [as_json(record) for record in records], "after": end and str(end)})
        return
    if not records:
        say("there are no such jobs")
        return
    output.table(("JOB", "NAME", "STATE", "TRIES", "SINCE"), rows(records), cut="NAME")
    if end:
        say(f"there may be more: --after '{end}'")


@app.command
async def show(job: One, /, *, common: Shown = SHOWN) -> None:
    """Show all that is known of a job, with the attempts that failed.

    Example: headrace jobs show emails/7
    """
    async with opened(common) as store:
        record = await (await _get(store, job)).refresh()
    if common.json:
        output.document(as_json(record))
    else:
        output.pairs(as_pairs(record))


@app.command
async def why(job: One, /, *, common: Shown = SHOWN) -> None:
    """Say why a job does not run, or what became of it.

    Example: headrace jobs why emails/7
    """
    async with opened(common) as store:
        sentences = await (await _get(store, job)).why()
    if common.json:
        output.document({"job": job, "why": sentences})
    for sentence in sentences if not common.json else ():
        output.line(sentence)


@app.command
async def logs(
    job: One,
    /,
    *,
    follow_: Annotated[bool, Parameter(name=("--follow", "-f"), help="Go on until the job has finished.")] = False,
    common: Shown = SHOWN,
) -> None:
    """Print what a job has logged.

    Example: headrace jobs logs emails/7 --follow
    """
    async with opened(common) as store:
        number = await printed(store, ref(job), 0, common.json)
        if follow_:
            await follow(store, ref(job), number, common.json)


@app.command
async def retry(jobs: Many, /, *, common: Shown = SHOWN) -> int:
    """Run finished jobs again, with all their attempts.

    Example: headrace jobs retry emails/7 emails/8
    """
    return await moves.move(jobs, "retry", common)


@app.command
async def cancel(
    jobs: Many,
    /,
    *,
    reason: Annotated[str, Parameter(metavar="TEXT", help="What the job will say of its failure.")] = "cancelled",
    common: Shown = SHOWN,
) -> int:
    """Fail jobs with the cause `cancelled`.

    The worker of a job that runs is asked to; that takes a moment.

    Example: headrace jobs cancel emails/7 --reason "sent by hand"
    """
    return await moves.move(jobs, "cancel", common, reason)


@app.command
async def remove(
    jobs: Many,
    /,
    *,
    children: Annotated[bool, Parameter(negative="", help="And all jobs below them, in one step.")] = False,
    common: Shown = SHOWN,
) -> int:
    """Remove jobs, unless they run.

    All that is known of them goes. Their children stay, unless asked otherwise.

    Example: headrace jobs remove emails/7
    """
    return await moves.remove(jobs, common, children)


async def _get(store: App, job: str) -> Job[Any]:
    found = ref(job)
    return await store.get(found.queue, found.id)
