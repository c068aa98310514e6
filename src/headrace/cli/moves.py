"""What is done to jobs by hand: to named ones, each of which stands or falls alone, or to all that fit a query."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from headrace.app import App
from headrace.cli import output
from headrace.cli.failure import Exit, Stop, complain
from headrace.cli.options import Shown, Sweeping
from headrace.cli.record import ref
from headrace.cli.store import ask, opened
from headrace.cli.sweeps import Sweep, sweep
from headrace.core.commands import Annotate, Move, Remove
from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.errors import NoSuchJob, Refused
from headrace.core.jobs import JobRef

Act: TypeAlias = Callable[[App, tuple[JobRef, ...]], Awaitable[list["Moved"]]]


class Moved(Struct, frozen=True):
    """What became of the request for one job; None is no refusal. `now` is its identity if that is another."""

    job: JobRef
    refusal: Refused | None = None
    is_asked: bool = False
    now: JobRef | None = None


class Deed(Struct, frozen=True):
    """What is to be done: in words, to named jobs, and to a selection (None: to named ones only)."""

    verb: str
    done: str
    act: Act
    sweep: Sweep | None


async def do(deed: Deed, jobs: Sequence[str], where: str | None, common: Sweeping) -> int:
    """Do it to these jobs, or to those that fit; the exit code says whether all went."""
    if bool(jobs) == (where is not None):
        raise Stop(f"to {deed.verb}, name jobs as QUEUE/ID, or say which with --where, not both")
    if where is None:
        if common.dry_run:
            raise Stop("--dry-run counts what fits --where; named jobs need no counting")
        return await do_to(deed, jobs, common)
    if deed.sweep is None:
        raise Stop(f"to {deed.verb}, name jobs as QUEUE/ID; this is not done to all that fit a query")
    return await sweep(where, deed.verb, deed.done, deed.sweep, common)


def moving(template: Move) -> Act:
    """How named jobs are moved as the template says."""

    async def act(store: App, jobs: tuple[JobRef, ...]) -> list[Moved]:
        reply = await ask(store, replace(template, jobs=jobs))
        asked = set(reply.requested)
        now = reply.jobs or jobs
        return [
            Moved(job, refusal, place in asked, now[place] if now[place] != job else None)
            for place, (job, refusal) in enumerate(zip(jobs, reply.refusals, strict=True))
        ]

    return act


def moving_flows(template: Move) -> Act:
    """How named jobs are moved together with all below them."""

    async def act(store: App, jobs: tuple[JobRef, ...]) -> list[Moved]:
        reply = await ask(store, replace(template, jobs=jobs, with_children=True))
        refused = [
            Moved(job, refusal)
            for job, refusal in zip(jobs, reply.refusals, strict=True)
            # One that went with another that was named has nothing left to be done to when its turn comes.
            if refusal is not None and job not in reply.jobs
        ]
        return [Moved(job, is_asked=job in reply.asked) for job in reply.jobs] + refused

    return act


def removing(*, with_children: bool) -> Act:
    """How named jobs are removed."""

    async def act(store: App, jobs: tuple[JobRef, ...]) -> list[Moved]:
        reply = await ask(store, Remove(jobs, with_children=with_children))
        pairs = zip(jobs, reply.refusals, strict=True)
        # One that went with another that was named is not there when its turn comes.
        found = [Moved(job, None if job in reply.jobs else refusal) for job, refusal in pairs]
        return found + [Moved(job) for job in reply.jobs if job not in jobs]

    return act


def annotating(template: Annotate) -> Act:
    """How something is attached to named jobs."""

    async def act(store: App, jobs: tuple[JobRef, ...]) -> list[Moved]:
        found: list[Moved] = []
        for job in jobs:
            reply = await store.storage.run(replace(template, job=job, bytes_max=store.settings.data_max))
            found.append(Moved(job, reply if isinstance(reply, Refused) else None))
        return found

    return act


async def do_to(deed: Deed, jobs: Sequence[str], common: Shown) -> int:
    """Do it to these jobs; the exit code says whether all went."""
    found: list[Moved] = []
    refs = [ref(job) for job in jobs]
    async with opened(common) as store:
        for page in _pages(refs):
            found += await deed.act(store, page)
    return _tell(found, deed.done, is_json=common.json)


def _pages(refs: Sequence[JobRef]) -> Iterator[tuple[JobRef, ...]]:
    return (tuple(refs[start : start + PAGE_MAX]) for start in range(0, len(refs), PAGE_MAX))


def _tell(found: Sequence[Moved], word: str, *, is_json: bool) -> int:
    refused = [(one.job, one.refusal) for one in found if one.refusal is not None]
    if is_json:
        output.document(
            {
                word: [str(one.now or one.job) for one in found if one.refusal is None and not one.is_asked],
                "asked": [str(one.job) for one in found if one.is_asked],
                "refused": [{"job": str(job), "code": why.code, "message": str(why)} for job, why in refused],
            }
        )
    for one in found if not is_json else ():
        if one.refusal is None:
            end = "runs; its worker was asked" if one.is_asked else word
            output.line(f"{one.job} {end}{f' to {one.now}' if one.now else ''}")
    for _, why in refused:
        complain(str(why), why.code)
    if not refused:
        return Exit.OK
    return Exit.NOT_FOUND if all(isinstance(why, NoSuchJob) for _, why in refused) else Exit.FAILED
