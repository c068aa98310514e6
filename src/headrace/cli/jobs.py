"""`headrace jobs`: find them, look at them, and move them by hand."""

from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from headrace.app import App
from headrace.cli import administer, output
from headrace.cli.failure import say
from headrace.cli.lines import follow, printed
from headrace.cli.listing import rows
from headrace.cli.options import SHOWN, Shown, noun, whole
from headrace.cli.record import as_json, as_pairs, ref
from headrace.cli.store import known, opened
from headrace.core.query import parse
from headrace.job import Job
from headrace.why import why as why_of

app = noun("jobs", "Find, read and move jobs.")

LIMIT = 20

One: TypeAlias = Annotated[str, Parameter(name="JOB", help="The job, as QUEUE/ID.")]


@app.command(name="list")
async def list_(
    query: Annotated[
        list[str] | None,
        Parameter(name="QUERY", help="Which: emails failed 'name:send*' …", allow_leading_hyphen=True),
    ] = None,
    /,
    *,
    limit: Annotated[int, Parameter(converter=whole, metavar="N", help="At most so many: 20 if not given.")] = LIMIT,
    after: Annotated[str | None, Parameter(metavar="CURSOR", help="Go on from where a page ended.")] = None,
    common: Shown = SHOWN,
) -> None:
    """List jobs: what runs, what waits, what has finished.

    A QUERY has terms such as state:failed name:send* age:>1h error:Timeout
    data.user:42 priority:<5 attempts:>=3 id:7 queue:emails; all must fit, and
    -TERM must not. A word alone is a state or a queue.

    Example: headrace jobs list emails failed
    """
    text = " ".join(query or ())
    named = parse(text).names_queues()
    async with opened(common) as store:
        await known(store, named)
        page = await store.select(text).jobs(limit=limit, after=after)
    records = [job.record for job in page if job.record is not None]
    if common.json:
        output.document({"jobs": [as_json(record) for record in records], "after": page.cursor})
        return
    if records:
        output.table(("JOB", "NAME", "STATE", "TRIES", "SINCE"), rows(records), cut="NAME")
    if page.cursor:
        say(f"there may be more: --after '{page.cursor}'")
    elif not records:
        say("there are no such jobs")


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
    """Say why a job does not run, or what became of it, and what to do.

    The nearest reason comes first. For the store at large: headrace doctor.

    Example: headrace jobs why emails/7
    """
    async with opened(common) as store:
        sentences = await why_of(store.storage, ref(job), store.settings.url)
    if common.json:
        output.document({"job": job, "why": sentences})
    for sentence in sentences if not common.json else ():
        output.sentence(sentence)


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


administer.register(app)


async def _get(store: App, job: str) -> Job[Any]:
    found = ref(job)
    return await store.get(found.queue, found.id)
