"""Several jobs moved by hand in one go: each stands or falls alone, and what was refused is said of each."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from headrace.cli import output
from headrace.cli.failure import Exit, complain
from headrace.cli.options import Shown
from headrace.cli.record import ref
from headrace.cli.store import ask, opened
from headrace.core.commands import Move, Remove
from headrace.core.commands.jobs import PAGE_MAX
from headrace.core.errors import NoSuchJob, Refused
from headrace.core.jobs import Failure, JobRef

DONE = {"retry": "retried", "cancel": "cancelled", "remove": "removed"}


class Moved(Struct, frozen=True):
    """What became of the request for one job; None is no refusal."""

    job: JobRef
    refusal: Refused | None = None
    is_asked: bool = False


async def move(jobs: Sequence[str], action: Literal["retry", "cancel"], common: Shown, reason: str = "") -> int:
    """Move these jobs and print what became of each; the exit code says whether all went."""
    failure = Failure(reason, "cancelled") if action == "cancel" else None
    found: list[Moved] = []
    refs = [ref(job) for job in jobs]
    async with opened(common) as store:
        for page in _pages(refs):
            reply = await ask(store, Move(page, action, failure=failure))
            asked = set(reply.requested)
            found += [
                Moved(job, refusal, place in asked)
                for place, (job, refusal) in enumerate(zip(page, reply.refusals, strict=True))
            ]
    return _tell(found, DONE[action], common.json)


async def remove(jobs: Sequence[str], common: Shown, with_children: bool = False) -> int:
    """Remove these jobs and print what became of each; the exit code says whether all went."""
    found: list[Moved] = []
    refs = [ref(job) for job in jobs]
    async with opened(common) as store:
        for page in _pages(refs):
            reply = await ask(store, Remove(page, with_children=with_children))
            pairs = zip(page, reply.refusals, strict=True)
            # One that went with another that was named is not there when its turn comes.
            found += [Moved(job, None if job in reply.jobs else refusal) for job, refusal in pairs]
            found += [Moved(job) for job in reply.jobs if job not in page]
    return _tell(found, DONE["remove"], common.json)


def _pages(refs: Sequence[JobRef]) -> Iterator[tuple[JobRef, ...]]:
    return (tuple(refs[start : start + PAGE_MAX]) for start in range(0, len(refs), PAGE_MAX))


def _tell(found: Sequence[Moved], word: str, is_json: bool) -> int:
    refused = [(one.job, one.refusal) for one in found if one.refusal is not None]
    if is_json:
        output.document(
            {
                word: [str(one.job) for one in found if one.refusal is None and not one.is_asked],
                "asked": [str(one.job) for one in found if one.is_asked],
                "refused": [{"job": str(job), "code": why.code, "message": str(why)} for job, why in refused],
            }
        )
    for one in found if not is_json else ():
        if one.refusal is None:
            output.line(f"{one.job} {'runs; its worker was asked' if one.is_asked else word}")
    for _, why in refused:
        complain(str(why), why.code)
    if not refused:
        return Exit.OK
    return Exit.NOT_FOUND if all(isinstance(why, NoSuchJob) for _, why in refused) else Exit.FAILED
