"""The store as a test speaks to it: short verbs over commands, and builders for the values they take."""

from collections.abc import Sequence
from typing import Any

import msgspec

from headrace.core import lifecycle
from headrace.core.backoff import Fixed
from headrace.core.commands import (
    Add,
    Added,
    Annotate,
    Claim,
    Claimed,
    Command,
    Count,
    Find,
    Get,
    Hold,
    Move,
    Moved,
    Node,
    Read,
    Recover,
    Remove,
    Removed,
    Renew,
    Renewed,
    Settle,
    Settlement,
    Source,
    Tree,
)
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, JobRecord, JobRef, Keep, Lease, NewJob, Options, Parent, State
from headrace.core.log import Change
from headrace.core.outcomes import AwaitsChildren, Done, Failed, Postponed, PutBack
from headrace.core.topics import job_events
from headrace.storage.protocol import Storage, granted

LEASE_MS = 30_000


def new(name: str = "task", *, queue: str = "q", options: Options | None = None, **fields: Any) -> NewJob:
    return NewJob(queue, name, options=options or Options(**chosen(fields)), **fields)


def chosen(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are options, taken out."""
    return {name: fields.pop(name) for name in Options.__struct_fields__ if name in fields}


def parent(id: str, **fields: Any) -> NewJob:
    """A node with children; they follow it in the same Add."""
    return new(id, id=id, has_children=True, **fields)


def child(of: str, *, policy: Any = "fail_parent", of_queue: str = "q", **fields: Any) -> NewJob:
    return new(fields.pop("name", "child"), parent=Parent(of_queue, of, policy), **fields)


def ref(id: str, queue: str = "q") -> JobRef:
    return JobRef(queue, id)


def done(lease: Lease, result: str = "null") -> Settlement:
    return lifecycle.settle(lease, Done(result), 0.0)


def failed(lease: Lease, reason: str = "boom", *, is_retryable: bool = True) -> Settlement:
    failure = Failure(reason, attempt=lease.attempts_made + 1)
    return lifecycle.settle(lease, Failed(failure, is_retryable), 0.0)


def deferred(lease: Lease) -> Settlement:
    assert lease.deferred is not None
    return lifecycle.settle_deferred(lease, lease.deferred)


def later(lease: Lease, delay_ms: int) -> Settlement:
    return lifecycle.settle(lease, Postponed(delay_ms), 0.0)


def put_back(lease: Lease, rest_ms: int = 0) -> Settlement:
    return lifecycle.settle(lease, PutBack(rest_ms), 0.0)


def awaits_children(lease: Lease, pause_ms: int = 0) -> Settlement:
    return lifecycle.settle(lease, AwaitsChildren(pause_ms), 0.0)


def pause(delay_ms: int) -> Fixed:
    return Fixed(delay_ms)


def keep(count: int | None = None, age_ms: int | None = None) -> Keep:
    return Keep(count, age_ms)


class Desk:
    """Short verbs over one store. A refused command raises its refusal, unless the verb gives refusals back."""

    def __init__(self, store: Storage) -> None:
        self.store = store

    async def run(self, command: Command[Any]) -> Any:
        return granted(await self.store.run(command))

    async def refusal(self, command: Command[Any]) -> Refused:
        reply = await self.store.run(command)
        assert isinstance(reply, Refused), reply
        return reply

    async def add(self, *jobs: NewJob, request_id: str | None = None) -> tuple[JobRef, ...]:
        added: Added = await self.run(Add(jobs, request_id))
        return added.jobs

    async def claimed(self, *queues: str, limit: int = 100, **fields: Any) -> Claimed:
        names = fields.pop("names", None)
        sources = tuple(Source(queue, names) for queue in queues or ("q",))
        chosen_or_usual: dict[str, Any] = {"token": "t", "lease_ms": LEASE_MS, "worker": "w"} | fields
        command = Claim(sources, limit, **chosen_or_usual)
        reply: Claimed = await self.run(command)
        return reply

    async def claim(self, *queues: str, limit: int = 100, **fields: Any) -> tuple[Lease, ...]:
        return (await self.claimed(*queues, limit=limit, **fields)).leases

    async def claim_one(self, *queues: str, **fields: Any) -> Lease:
        (lease,) = await self.claim(*queues, limit=1, **fields)
        return lease

    async def settle(self, *settlements: Settlement) -> tuple[Refused | None, ...]:
        refusals: tuple[Refused | None, ...] = (await self.run(Settle(settlements))).refusals
        return refusals

    async def finish(self, *queues: str, result: str = "null") -> Lease:
        """Claim the next job and complete it."""
        lease = await self.claim_one(*queues)
        assert await self.settle(done(lease, result)) == (None,)
        return lease

    async def fail(self, *queues: str, reason: str = "boom") -> Lease:
        """Claim the next job and fail it for good."""
        lease = await self.claim_one(*queues)
        settlement = deferred(lease) if lease.deferred else failed(lease, reason, is_retryable=False)
        assert await self.settle(settlement) == (None,)
        return lease

    async def renew(self, *leases: Lease, lease_ms: int = LEASE_MS) -> Renewed:
        holds = tuple(Hold(lease.queue, lease.id, lease.token) for lease in leases)
        reply: Renewed = await self.run(Renew(holds, lease_ms))
        return reply

    async def recover(self, **fields: Any) -> tuple[JobRef, ...]:
        jobs: tuple[JobRef, ...] = (await self.run(Recover(**fields))).jobs
        return jobs

    async def moved(self, action: Any, *jobs: JobRef, **fields: Any) -> Moved:
        reply: Moved = await self.run(Move(jobs, action, **fields))
        return reply

    async def move(self, action: Any, *jobs: JobRef, **fields: Any) -> None:
        reply = await self.moved(action, *jobs, **fields)
        assert reply.refusals == (None,) * len(jobs)

    async def remove(self, *jobs: JobRef, **fields: Any) -> Removed:
        reply: Removed = await self.run(Remove(jobs, **fields))
        return reply

    async def annotate(self, job: JobRef, **fields: Any) -> None:
        await self.run(Annotate(job, **fields))

    async def record(self, job: JobRef) -> JobRecord:
        record: JobRecord | None = (await self.run(Get((job,)))).jobs[0]
        assert record is not None, f"there is no {job}"
        return record

    async def exists(self, job: JobRef) -> bool:
        (record,) = (await self.run(Get((job,)))).jobs
        return record is not None

    async def state(self, job: JobRef) -> State:
        return (await self.record(job)).state

    async def states(self, *jobs: JobRef) -> list[State]:
        return [await self.state(job) for job in jobs]

    async def found(self, queue: str, state: State, page: int = 100, **fields: Any) -> list[JobRecord]:
        """Every job of a queue in a state, in order, page by page."""
        records: list[JobRecord] = []
        cursor: str | None = None
        while True:
            reply = await self.run(Find(queue, state, page, cursor, **fields))
            records += reply.jobs
            cursor = reply.cursor
            if cursor is None:
                return records

    async def ids(self, state: State, queue: str = "q") -> list[str]:
        return [record.id for record in await self.found(queue, state)]

    async def counts(self, queue: str = "q") -> dict[State, int]:
        """The states that have jobs, and how many."""
        counts = (await self.run(Count((queue,)))).queues[queue]
        return {state: number for state, number in counts.items() if number}

    async def tree(self, job: JobRef, **fields: Any) -> tuple[Node, ...]:
        nodes: tuple[Node, ...] = (await self.run(Tree(job, **fields))).nodes
        return nodes

    async def last_event(self, channel: str) -> int:
        last: int = (await self.run(Read(channel))).last
        return last

    async def events(self, queue: str = "q", after: int = 0) -> list[tuple[str, Change]]:
        """What happened to the jobs of a queue: (id, change)."""
        reply = await self.run(Read(job_events(queue), after))
        return [(entry.key, msgspec.json.decode(entry.body, type=Change)) for entry in reply.entries]

    async def changes(self, job: JobRef) -> list[Change]:
        return [change for key, change in await self.events(job.queue) if key == job.id]


def ids(jobs: Sequence[JobRef | Lease | JobRecord]) -> list[str]:
    return [job.id for job in jobs]
