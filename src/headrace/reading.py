"""Reading one job: what the store knows of it now, or as soon as it has finished, and what it returned."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, cast

from headrace.client import Client
from headrace.core import codec
from headrace.core.commands import Get
from headrace.core.errors import NoSuchJob
from headrace.core.jobs import FINISHED, Failure, JobRecord, JobRef
from headrace.core.results import JobFailed, ResultTimeout

R = TypeVar("R")


async def record(client: Client, ref: JobRef) -> JobRecord:
    """Everything the store knows of a job; `NoSuchJob` if it is gone."""
    (found,) = (await client.run(Get((ref,)))).jobs
    if found is None:
        raise NoSuchJob(queue=ref.queue, id=ref.id)
    return found


async def finished(client: Client, ref: JobRef, limit: float | None) -> JobRecord:
    """The same as soon as the job has finished; `ResultTimeout` if it has not within `limit` seconds."""
    clock = asyncio.timeout(limit)
    try:
        async with clock:
            return await _finished(client, ref)
    except TimeoutError:
        if not clock.expired():
            raise
    raise ResultTimeout(queue=ref.queue, id=ref.id, timeout=limit)


def result(finished: JobRecord, load: Callable[[str], R] | None) -> R:
    """What a finished job returned; `JobFailed` if it failed."""
    if finished.state == "failed":
        failure = finished.failure or Failure("unknown")
        raise JobFailed(
            queue=finished.queue, id=finished.id, reason=failure.reason, cause=failure.cause, kind=failure.kind
        )
    text = finished.result or "null"
    return load(text) if load is not None else cast("R", codec.decode(text))


async def _finished(client: Client, ref: JobRef) -> JobRecord:
    while True:
        watch = await client.watch(ref.queue)
        with watch.ending(ref.id) as ended:
            # It may have ended before the watch began to look.
            found = await record(client, ref)
            if found.state in FINISHED:
                return found
            await ended
