"""The machine beside Redis.

Left out is what the layout cannot do as memory does, see `docs/internals/redis-layout.md`. It has no order among jobs
that were put in front of one priority, nor, when some of them must go, among those of a state that finished in one
millisecond; a job that is kept for the end of another has its number at once; and limits per key tell jobs apart by the
data of now where these were changed before. Nothing leads from a parent that goes to a child that it has dropped: that
such a child still names it is forgiven.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from headrace.core.commands import (
    Add,
    Annotate,
    Claimed,
    Command,
    Configure,
    Move,
    Node,
    PutSchedule,
    Recover,
    Remove,
    Settle,
)
from headrace.core.jobs import JobRecord, JobRef, Keep, Lease, NewJob, Options, Parent
from headrace.storage.memory.leases import REQUESTS_KEPT_MS
from headrace.storage.protocol import Storage
from headrace.storage.redis import RedisStore
from tests.crash.key_rules import faults
from tests.crash.keys import snapshot
from tests.crash.redis_base import texts
from tests.model.machine import Draw, Machine
from tests.servers.prefixes import clear, new_prefix

COUNTED = {Keep(1): Keep(age_ms=20), Keep(2): Keep(), Keep(3): Keep(), Keep(3, 40): Keep(age_ms=40)}


class OnRedis(Machine):
    engine = "redis"
    url: str
    """Of a server; a subclass says which."""

    def other(self) -> Storage:
        self.prefix = new_prefix(self.url)
        self.priorities = self.named = 0
        self.keyed: set[str] = set()  # queues with limits per key
        self.changed: set[str] = set()  # queues with jobs whose data are not those that they came with
        self.dropping: set[Parent | JobRef | None] = set()  # parents that children may name when they are gone
        return RedisStore(self.url, prefix=self.prefix, clock=self.clock)

    def teardown(self) -> None:
        super().teardown()
        with texts(self.url, self.prefix) as client:
            broken = faults(snapshot(client, self.prefix), self.prefix)
        clear(self.url, self.prefix)
        assert not broken, broken

    def fit(self, command: Command[Any]) -> Command[Any]:
        match command:
            case Add(jobs):
                return replace(command, jobs=tuple(map(self.job_of, jobs)))
            case PutSchedule(schedule):
                plan = replace(schedule.plan, job=self.job_of(schedule.plan.job, is_planned=True))
                return PutSchedule(replace(schedule, plan=plan))
            case Settle(settlements):
                return Settle(tuple(replace(each, keep=kept(each.keep)) for each in settlements))
            case Move(jobs):
                priority = self.priority(command.priority if len(jobs) == 1 else 0)
                return replace(command, priority=priority, jobs=self.moving(command))
            case Annotate() if command.data is not None or command.patch is not None:
                if command.job.queue in self.keyed:
                    return replace(command, data=None, patch=None)
                self.changed.add(command.job.queue)
                return command
            case Remove() if command.keep_count:
                return replace(command, keep_count=0)
            case Configure():
                return replace(
                    command,
                    keep_completed=kept(command.keep_completed),
                    keep_failed=kept(command.keep_failed),
                    per_key=self.per_key(command),
                )
            case _:
                return command

    def advance(self, draw: Draw) -> None:
        """Old answers to requests go by themselves, and in memory with Recover."""
        before = self.clock.now
        super().advance(draw)
        if self.clock.now - before >= REQUESTS_KEPT_MS:
            self.run(Recover())

    def forgiven(self, expected: Any, actual: Any) -> Any:
        """A child that was dropped may name a parent that is gone."""
        if isinstance(actual, list | tuple) and isinstance(expected, list | tuple) and len(actual) == len(expected):
            return type(actual)(map(self.forgiven, expected, actual))
        if isinstance(actual, Node) and isinstance(expected, Node):
            return replace(actual, record=self.forgiven(expected.record, actual.record))
        if isinstance(actual, Claimed) and isinstance(expected, Claimed):
            return replace(actual, leases=self.forgiven(expected.leases, actual.leases))
        if isinstance(actual, JobRecord | Lease) and isinstance(expected, JobRecord | Lease) and not expected.parent:
            return replace(actual, parent=None) if actual.parent in self.dropping else actual
        return actual

    def job_of(self, job: NewJob, *, is_planned: bool = False) -> NewJob:
        options: Options = job.options
        options = replace(options, keep_completed=kept(options.keep_completed), keep_failed=kept(options.keep_failed))
        job = replace(job, options=options, priority=self.priority(job.priority))
        if job.parent and job.parent.policy == "drop":
            self.dropping |= {job.parent, JobRef(job.parent.queue, job.parent.id)}
        if options.dedup and options.dedup.keeps_last and job.id is None:
            if is_planned:
                return replace(job, options=replace(options, dedup=replace(options.dedup, keeps_last=False)))
            self.named += 1
            return replace(job, id=f"kept{self.named}")
        return job

    def per_key(self, command: Configure) -> Any:
        """No such limits where data were changed."""
        if not command.per_key or command.queue not in self.changed:
            if command.per_key is not UNSET:
                (self.keyed.add if command.per_key else self.keyed.discard)(command.queue)
            return command.per_key
        return UNSET

    def moving(self, command: Move) -> tuple[JobRef, ...]:
        """Jobs whose data were changed go to no queue with limits per key."""
        if command.action == "move" and command.to in self.keyed:
            return tuple(job for job in command.jobs if job.queue not in self.changed)
        if command.action == "move" and any(job.queue in self.changed for job in command.jobs):
            self.changed.add(command.to)
        return command.jobs

    def priority(self, drawn: int) -> int:
        """One that nobody has, if any."""
        self.priorities += 1
        return self.priorities if drawn else 0


def kept(keep: Any) -> Any:
    """Not a number of jobs, other than none."""
    return COUNTED.get(keep, keep) if isinstance(keep, Keep) else keep
