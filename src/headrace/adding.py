"""Adding the jobs of calls, alike for an app and for an app in a transaction of the caller's."""

from collections.abc import Iterable
from typing import TypeVar

from headrace.call import Call, Enqueue, EnqueueMany
from headrace.client import Client
from headrace.core.commands import Added
from headrace.core.jobs import NewJob
from headrace.engine.home import Home
from headrace.engine.sync import BlockingAs
from headrace.flow import plan, plan_many
from headrace.job import Job
from headrace.layout import Addable

R = TypeVar("R")


class Adding:
    """What takes calls: who it belongs to says how their jobs get into the store (`_add`)."""

    _client: Client

    @property
    def _home(self) -> Home:
        return self._client.home

    @BlockingAs[Enqueue]
    async def enqueue(self, call: Call[R]) -> Job[R]:
        """Add the job of a call, or a whole flow, and give the job of its root."""
        added = await self._add(tuple(plan(call)))
        return added_jobs(self._client, added, [(0, call)])[0]

    @BlockingAs[EnqueueMany]
    async def enqueue_many(self, calls: Iterable[Call[R]]) -> list[Job[R]]:
        """Add the jobs of all these calls, or none of them, in one round trip."""
        given = list(calls)
        jobs, roots = plan_many(given)
        if not jobs:
            return []
        added = await self._add(tuple(jobs))
        return added_jobs(self._client, added, zip(roots, given, strict=True))

    async def _add(self, jobs: tuple[NewJob, ...]) -> Added:
        return await self._client.add(jobs)


def added_jobs(client: Client, added: Added, calls: Iterable[tuple[int, Addable[R]]]) -> list[Job[R]]:
    """The jobs of calls, by their positions in an Add that was answered: new ones, and those that were there."""
    if not (added.existing or added.duplicates or added.replaced):
        return [Job(client, added.jobs[at], call.name, call.load) for at, call in calls]  # nearly every Add
    there, kept, replaced = {*added.existing, *added.duplicates}, set(added.kept), dict(added.replaced)
    return [
        Job(
            client,
            added.jobs[at],
            call.name,
            call.load,
            is_duplicate=at in there,
            is_kept=at in kept,
            replaced=replaced.get(at),
        )
        for at, call in calls
    ]
