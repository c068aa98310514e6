"""A sweep: one action on all jobs that fit a query, in short steps with room for others between them.

A step finds some jobs and moves them in one short transaction. The query travels along: a job that no longer fits when
its turn comes is left alone. Nothing but the cursor is carried from step to step, so a sweep that was stopped goes on
where it was, or is simply begun anew: what is done no longer fits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import replace

from headrace.client import Client
from headrace.core.commands import Annotate, Configure, Find, Forget, Queues, Remove
from headrace.core.errors import InvalidOption, NoMatch, NoSuchJob, NoSuchQueue, QueueBusy, QueueNotEmpty, Refused
from headrace.core.jobs import STATES, JobRef, State
from headrace.core.lifecycle import STARTS, Action
from headrace.core.query import Query
from headrace.core.terms import Text
from headrace.search import Cursor, sections

STEP: Final = 200  # jobs of one transaction: some ten milliseconds on SQLite
REFUSALS_MAX: Final = 10  # refusals that are remembered, the first ones
ROUNDS_MAX: Final = 10  # sweeps of `obliterate`, while others go on adding jobs

Removable: TypeAlias = Literal["waiting", "prioritized", "delayed", "waiting-children", "completed", "failed"]
REMOVABLE: Final[tuple[Removable, ...]] = get_args(Removable)
"""The states whose jobs can be removed: all but that of jobs that run."""


class Swept(Struct, frozen=True):
    """How far a sweep has come.

    Of about `total` jobs `looked` were looked at. Of those that fitted, `done` were moved or changed, `skipped` had
    moved or gone meanwhile, and `refused` could not be; `refusals` has the first reasons. `cursor` is where to go on
    after a stop, None at the end.
    """

    total: int = 0
    looked: int = 0
    done: int = 0
    skipped: int = 0
    refused: int = 0
    refusals: tuple[Refused, ...] = ()
    cursor: str | None = None


Progress: TypeAlias = Callable[[Swept], object]
"""What is called after each step."""

Act: TypeAlias = Callable[[tuple[JobRef, ...], Query], Awaitable[Sequence[Refused | None]]]
"""Acts on these jobs if they still fit, and says of each why not."""


async def sweep(
    client: Client,
    query: Query,
    action: Action | None,
    act: Act,
    progress: Progress | None = None,
    after: str | None = None,
) -> Swept:
    """Do it to all that fit; what was done, when all is. No action: nothing moves."""
    _check(progress)
    start = None if after is None else Cursor.read(after)
    places = await sections(client, query, _order(action), start)
    swept = Swept(sum(count for _, count in places), cursor=after)
    for at, (place, _) in enumerate(places):
        cursor: Cursor | None = place
        while cursor is not None:
            find = Find(cursor.queue, cursor.state, STEP, cursor.inner, query.rest(), is_steady=True)
            page = await client.run(find)
            answers = await act(tuple(JobRef(job.queue, job.id) for job in page.jobs), query) if page.jobs else ()
            cursor = replace(cursor, inner=page.cursor) if page.cursor else None
            then = cursor or (places[at + 1][0] if at + 1 < len(places) else None)
            swept = _after_step(swept, page.looked, answers, str(then) if then else None)
            await _tell(swept, progress)
    return swept


async def clean(
    client: Client, queue: str, states: tuple[Removable, ...], older_ms: int, limit: int, progress: Progress | None
) -> Swept:
    """Remove the jobs in some states, the oldest of each first."""
    _check(progress)
    places = await sections(client, Query((Text("queue", (queue,)),)), states, None)
    swept = Swept(sum(count for _, count in places))
    while swept.done < limit:
        size = min(STEP, limit - swept.done)
        gone = (await client.run(Remove(queue=queue, states=states, older_ms=older_ms, limit=size))).jobs
        swept = _after_step(swept, len(gone), [None] * len(gone), None)
        await _tell(swept, progress)
        if len(gone) < size:
            break
    return swept


async def obliterate(client: Client, queue: str, progress: Progress | None, *, is_forced: bool) -> None:
    """Pause, remove everything, forget; see `Queue.obliterate`."""
    _check(progress)
    records = (await client.run(Queues((queue,)))).queues
    if not records:
        raise NoSuchQueue(queue=queue)
    await client.run(Configure(queue, is_paused=True))
    if not is_forced and (active := await _active(client, queue)):
        await client.run(Configure(queue, is_paused=records[0].is_paused))
        raise QueueBusy(queue=queue, active=active)
    query = Query((Text("queue", (queue,)),))
    for _ in range(ROUNDS_MAX):
        await sweep(client, query, "remove", remover(client, is_forced=is_forced), progress)
        try:
            await client.run(Forget(queue))
        except QueueNotEmpty:
            continue  # somebody has added jobs meanwhile
        return
    raise QueueNotEmpty(
        f"jobs are added to the queue {queue!r} as quickly as they are removed; it stays paused: stop who adds them",
        queue=queue,
    )


def remover(client: Client, *, is_forced: bool = False) -> Act:
    """What removes jobs."""

    async def act(jobs: tuple[JobRef, ...], query: Query) -> Sequence[Refused | None]:
        return (await client.run(Remove(jobs, where=query, is_forced=is_forced))).refusals

    return act


def annotator(client: Client, template: Annotate) -> Act:
    """What attaches the same to jobs, a command for each in one transaction."""

    async def act(jobs: tuple[JobRef, ...], query: Query) -> Sequence[Refused | None]:
        store = await client.open()
        reply: Any = await store.run(*(replace(template, job=job, where=query) for job in jobs))
        replies = reply if isinstance(reply, tuple) else (reply,)
        return [one if isinstance(one, Refused) else None for one in replies]

    return act


def _after_step(swept: Swept, looked: int, answers: Sequence[Refused | None], cursor: str | None) -> Swept:
    """How far it has come with one step more."""
    noes = [answer for answer in answers if answer is not None]
    refusals = [no for no in noes if not isinstance(no, NoMatch | NoSuchJob)]
    return Swept(
        swept.total,
        swept.looked + looked,
        swept.done + len(answers) - len(noes),
        swept.skipped + len(noes) - len(refusals),
        swept.refused + len(refusals),
        (*swept.refusals, *refusals)[:REFUSALS_MAX],
        cursor,
    )


def _check(progress: object) -> None:
    """Before the first step, not after it."""
    if progress is not None and not callable(progress):
        raise InvalidOption(f"progress is {type(progress).__name__}; it is a function that takes a Swept")


async def _tell(swept: Swept, progress: Progress | None) -> None:
    """Tell of a step, and give others a turn: a store in memory answers without ever letting go of the loop."""
    if progress is not None:
        progress(swept)
    await asyncio.sleep(0)


def _order(action: Action | None) -> Sequence[State]:
    """First the states in which nothing is moved, so that no job is met again where it was moved to.

    `delayed` before the ready states for the same reason: to delay leads there. What moves nothing goes the way of a
    job's life: a job that workers move on meanwhile is met twice rather than missed.
    """
    if action is None:
        return STATES
    starts = STARTS[action]
    return sorted(STATES, key=lambda state: (state in starts, state != "delayed"))


async def _active(client: Client, queue: str) -> int:
    (record,) = (await client.run(Queues((queue,)))).queues
    return record.counts["active"]
