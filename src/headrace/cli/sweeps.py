"""Something done to all jobs that fit a query: asked for twice, with a bar while it goes on, and told in numbers."""

import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from headrace.cli import output
from headrace.cli.failure import Exit, Stop, complain, say
from headrace.cli.options import Sweeping
from headrace.cli.store import known, opened
from headrace.core.query import parse
from headrace.selection import Selection
from headrace.sweep import Progress, Swept

Sweep: TypeAlias = Callable[[Selection, Progress], Awaitable[Swept]]


async def sweep(where: str, verb: str, done: str, act: Sweep, common: Sweeping) -> int:
    """Do it to all jobs that fit, if that is really meant; the exit code says whether all went."""
    query = parse(where)
    if not query.terms:
        raise Stop("--where is empty; to mean every job, write --where 'id:*'")
    async with opened(common) as store:
        await known(store, query.names_queues())
        return await act_on(store.select(where), verb, done, act, common)


async def act_on(selection: Selection, verb: str, done: str, act: Sweep, common: Sweeping) -> int:
    """The same for a selection."""
    if common.dry_run:
        count = await selection.count()
        if common.json:
            output.document({"would": verb, "jobs": count})
        else:
            output.line(f"would {verb} {jobs(count)}")
        return Exit.OK
    if not common.yes:
        confirm(f"{verb} {jobs(await selection.count())}", "yes")
    with bar(verb) as progress:
        swept = await act(selection, progress)
    return tell(swept, done, is_json=common.json)


def jobs(count: int) -> str:
    """So many jobs, in words."""
    return "1 job" if count == 1 else f"{count} jobs"


def confirm(deed: str, word: str) -> None:
    """Go on only if a person types this word; where there is no terminal, `--yes` must have said it."""
    if not sys.stdin.isatty():
        raise Stop(f"about to {deed}, and nobody to ask; add --yes if it is meant")
    say(f"about to {deed}; type {word} to go on")
    if sys.stdin.readline().strip() != word:
        raise Stop("nothing was done", "not-confirmed", Exit.FAILED)


@contextmanager
def bar(verb: str) -> Generator[Progress]:
    """A bar on stderr, if a person sees it."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(verb, total=None)
        yield lambda swept: drawn.update(task, total=max(swept.total, swept.looked), completed=swept.looked)


def tell(swept: Swept, done: str, *, is_json: bool) -> int:
    """Print what became of the jobs; the exit code says whether none was refused."""
    refusals = [{"code": no.code, "message": str(no)} for no in swept.refusals]
    if is_json:
        numbers = {done: swept.done, "skipped": swept.skipped, "refused": swept.refused}
        output.document({**numbers, "refusals": refusals})
    else:
        output.line(f"{done} {jobs(swept.done)}")
        if swept.skipped:
            say(f"{jobs(swept.skipped)} moved meanwhile and did not fit any more")
    for no in swept.refusals:
        complain(str(no), no.code)
    if swept.refused > len(swept.refusals):
        say(f"and {swept.refused - len(swept.refusals)} refusals more")
    return Exit.FAILED if swept.refused else Exit.OK
