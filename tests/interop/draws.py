"""Commands by chance, for stores that are to do the same."""

import random
from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from headrace.core import lifecycle
from headrace.core.backoff import Fixed
from headrace.core.commands import (
    Acquire,
    Add,
    Added,
    Annotate,
    Beat,
    Channels,
    Claim,
    Claimed,
    Command,
    Commit,
    Configure,
    DropSchedule,
    Find,
    Fire,
    Fired,
    Forget,
    Hold,
    Leave,
    Lines,
    Locks,
    Move,
    Moved,
    Publish,
    PutSchedule,
    Queues,
    Read,
    Recover,
    Release,
    Remove,
    Removed,
    Renew,
    Schedules,
    Settle,
    Settlement,
    Source,
    Spared,
    Tree,
    Trim,
    WorkerRecord,
    Workers,
)
from headrace.core.jobs import STATES, Dedup, Failure, Follow, JobRef, Keep, Lease, NewJob, Options, Parent
from headrace.core.limits import Capacity, Rate
from headrace.core.outcomes import AwaitsChildren, Done, Failed, Outcome, Postponed, PutBack
from headrace.core.query import parse
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord

QUEUES: Final = ("q", "r")


class Draws:
    """Commands that make sense often enough, by what earlier replies said."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.jobs: dict[JobRef, None] = {}
        self.held: list[Lease] = []
        self.spared: Spared | None = None
        self.tokens = 0
        self.has_keys = seed % 2 == 1

    def command(self) -> Command[Any]:
        kinds: list[Callable[[], Command[Any]]] = [
            self.add, self.claim, self.settle, Recover, self.annotate, self.configure, self.read,
            self.remove, self.renew, self.move, self.log, self.aside, self.schedule,
        ]  # fmt: skip
        return self.draw.choices(kinds, [6, 6, 6, 2, 3, 1, 2, 2, 2, 3, 3, 2, 3])[0]()

    def learn(self, reply: object) -> None:
        if isinstance(reply, Added):
            self.jobs.update(dict.fromkeys(reply.jobs))
        if isinstance(reply, Fired) and reply.job is not None:
            self.jobs[reply.job] = None
        if isinstance(reply, Removed):
            self.spared = reply.spared
        if isinstance(reply, Moved):
            self.jobs.update(dict.fromkeys(reply.jobs))
        if isinstance(reply, Claimed):
            self.held += reply.leases

    def add(self) -> Add:
        jobs = [job for _ in range(self.draw.randint(1, 4)) for job in self.family()]
        return Add(tuple(jobs), self.draw.choice([None, f"request {self.draw.randint(0, 5)}"]))

    def family(self) -> list[NewJob]:
        draw, options = self.draw, self.options()
        queue, name = draw.choice(QUEUES), draw.choice("ab")
        match draw.choices(["alone", "flow", "child", "follower"], [5, 3, 2, 2])[0]:
            case "follower" if self.jobs:
                bonds = ["fail_parent", "wait", "continue_parent", "ignore", "drop", "on_failure"]
                followed = draw.sample(list(self.jobs), min(len(self.jobs), draw.randint(1, 3)))
                follows = tuple(Follow(job.queue, job.id, draw.choice(bonds)) for job in followed)  # type: ignore[arg-type]
                return [NewJob(queue, name, options=options, has_children=True, follows=follows)]
            case "flow":
                root_id = f"p{draw.randint(0, 10**6)}"
                root = NewJob(
                    queue, name, id=root_id, delay_ms=draw.choice([0, 0, 15]), options=options, has_children=True
                )
                steps = [
                    NewJob(
                        queue, "c", options=self.options(), has_children=True, follows=(Follow(queue, root_id, bond),)
                    )
                    for bond in draw.sample(("finally", "on_failure"), draw.randint(0, 2))  # type: ignore[arg-type]
                ]
                return [root, *(self.child(queue, root_id) for _ in range(draw.randint(0, 3))), *steps]
            case "child" if self.jobs:
                of = draw.choice(list(self.jobs))
                return [self.child(of.queue, of.id)]
        # With a priority only where keys take turns: stalls and put backs put several in front of one.
        priority = draw.choice([0, 0, 1, 2]) if self.has_keys else 0
        own = draw.choice([None, None, None, f"x{draw.randint(0, 30)}"])
        if draw.random() < 0.4:
            options = replace(options, dedup=self.dedup(is_named=own is not None))
        data = '{"tenant": "%s"}' % draw.choice("xyz")  # noqa: UP031 (braces)
        return [NewJob(queue, name, data, own, priority, draw.choice([0, 0, 20]), options)]

    def dedup(self, *, is_named: bool) -> Dedup:
        """What is kept has an id of its own: without one it has its number since then, as Node wants to know it."""
        draw = self.draw
        lasts: dict[str, Any] = draw.choice([{}, {}, {"ttl_ms": 40}, {"is_forever": True}])
        does = draw.choice(["", "extends", "replaces", "reschedules", "keeps_last" if is_named else ""])
        return Dedup(draw.choice("kl"), **lasts, **({does: True} if does else {}))

    def child(self, of_queue: str, of: str) -> NewJob:
        policy = self.draw.choice(["fail_parent", "wait"])
        parent = Parent(of_queue, of, policy)  # type: ignore[arg-type]
        return NewJob(self.draw.choice(QUEUES), "b", options=self.options(), parent=parent)

    def options(self) -> Options:
        return Options(
            attempts=self.draw.randint(1, 3),
            backoff=self.draw.choice([None, Fixed(10)]),
            max_stalled=self.draw.randint(0, 1),
            lifo=self.draw.random() < 0.2,
            keep_completed=self.draw.choice([None, None, Keep(0)]),
            keep_failed=self.draw.choice([None, Keep(0), Keep(age_ms=50)]),
            expires_ms=self.draw.choice([None, None, None, 60]),
            siblings=self.draw.choice(["run", "run", "cancel"]),
        )

    def log(self) -> Command[Any]:
        draw = self.draw
        channel, position = draw.choice(["c", "é/\uffff", "jobs/q", "jobs/r", "jobs/a:b"]), draw.randint(0, 40)
        bodies = tuple(f'{{"n": {n}}}' for n in range(draw.randint(0, 3)))
        return draw.choice(
            [
                Publish(channel, bodies, draw.choice(["", "k"]), draw.choice([None, None, position])),
                Read(channel, position, draw.choice([0, 3, 1_000])),
                Commit(channel, draw.choice("ab"), draw.choice([None, position])),
                Trim(channel, draw.randint(0, 9)),
                Channels(draw.choice(["", "jobs/", "é"]), draw.randint(1, 4), draw.choice(["", "c", "jobs/q"])),
            ]
        )

    def aside(self) -> Command[Any]:
        draw = self.draw
        name, owner, ttl_ms = draw.choice("lm"), draw.choice("abc"), draw.choice([10, 30, 100])
        return draw.choice(
            [
                Acquire(name, owner, ttl_ms, draw.randint(1, 2), draw.choice([None, None, draw.randint(1, 9)])),
                Release(name, owner),
                Locks(draw.choice([None, name]), draw.randint(1, 3), draw.choice([("", 0), ("l", 2)])),
                Beat(WorkerRecord(owner, "é", 1, (Source("q"),), 1), ttl_ms),
                Leave(owner),
                Workers(),
            ]
        )

    def schedule(self) -> Command[Any]:
        draw = self.draw
        name, version, at = draw.choice(("s", "é")), draw.randint(0, 4), draw.choice([None, 100, 200])
        overlap: Any = draw.choice(["allow", "skip", "queue"])
        job = self.child("q", "nobody") if draw.random() < 0.1 else NewJob("q", "a", options=self.options())
        plan = Plan(EveryTiming(100), job, overlap=overlap, count=draw.choice([None, 3]))
        paused: Any = draw.choice([None, None, "gone"])
        fire = Fire(name, version, at, draw.choice([None, 200, 300]), draw.choice([0, 5]))
        return draw.choice(
            [
                PutSchedule(ScheduleRecord(name, plan, version, 7, at, paused)),
                PutSchedule(ScheduleRecord(name, plan, 0, 7, 100)),
                fire,
                fire,
                Fire(name, slot=at, request_id=draw.choice([None, "f"])),
                DropSchedule(name) if draw.random() < 0.3 else Schedules(),
                Schedules(draw.choice([None, ("s", "x")]), draw.choice(["name", "time"]), (100, "é"), 1),
            ]
        )

    def claim(self) -> Claim:
        self.tokens += 1
        queues = self.draw.sample(QUEUES, self.draw.randint(1, 2))
        sources = tuple(Source(queue, self.draw.choice([None, ("a",), ("a", "b")])) for queue in queues)
        lease_ms = self.draw.choice([30, 1_000])
        return Claim(sources, self.draw.randint(0, 4), f"token {self.tokens}", lease_ms, "w")

    def settle(self) -> Settle:
        leases = self.draw.sample(self.held, min(len(self.held), self.draw.randint(0, 4)))
        twice = leases[:1] if self.draw.random() < 0.1 else []
        return Settle(tuple(map(self.settlement, leases + twice)))

    def job(self) -> JobRef:
        return self.draw.choice([*self.jobs, JobRef("q", "nobody")])

    def annotate(self) -> Annotate:
        draw = self.draw
        return Annotate(
            self.job(),
            token=draw.choice([None, None, draw.choice(self.held).token if self.held else "t"]),
            progress=draw.choice([None, "1", '{"a": [1,  2]}']),
            lines=draw.choice([(), ("a", "b\nü")]),
            notes=draw.choice([None, '{"a":1,"b":{"n":12345678901234567890}}', '{"a":null}']),
            data=draw.choice([None, None, '{"x": 1.0}', "[1]"]),
            patch=draw.choice([None, None, '{"x":2,"y":[]}']),
            where=draw.choice([None, None, parse("waiting,active"), parse("attempts:0 -data.x:1")]),
        )

    def configure(self) -> Configure:
        draw = self.draw
        if self.has_keys and draw.random() < 0.4:
            return self.shares(draw.choice(QUEUES))
        keeps: list[Keep | Literal["default"] | None] = [None, "default", Keep(3), Keep(age_ms=9)]
        counts: list[int | UnsetType | None] = [UNSET, UNSET, None, 7]
        return Configure(
            draw.choice(QUEUES),
            draw.choice([None, False, False, True]),
            draw.choice(keeps),
            draw.choice(keeps),
            concurrency=draw.choice(counts),
            max_waiting=draw.choice([None, UNSET, 12, 1_000]),
            rate=draw.choice([UNSET, UNSET, None, Rate(9, 30), Rate(2, 5)]),
        )

    def shares(self, queue: str) -> Configure:
        """Limits per key, by which jobs are told apart as long as they are there: what told them apart may change."""
        counts = [None, 1, 2, 4]
        return Configure(queue, per_key={"tenant": Capacity(self.draw.choice(counts), self.draw.choice([None, 3, 9]))})

    def read(self) -> Command[Any]:
        draw = self.draw
        return draw.choice([
            Lines(self.job(), draw.randint(0, 3), draw.randint(0, 3)),
            Queues(("r", "nowhere"), "k"),
            Forget(draw.choice(QUEUES), "k"),
            Tree(self.job(), draw.randint(0, 3), draw.randint(1, 9)),
        ])  # fmt: skip

    def remove(self) -> Remove:
        draw = self.draw
        if draw.random() < 0.3:
            states = tuple(draw.sample(STATES, 2))
            spares_kept = draw.random() < 0.5
            after = draw.choice([None, self.spared])
            older_ms, keep_count = draw.choice([0, 40]), draw.choice([0, 1])
            return Remove((), draw.choice(QUEUES), states, older_ms, keep_count, spares_kept, after, limit=3)
        jobs = tuple(self.job() for _ in range(draw.randint(1, 2)))
        where = draw.choice([None, None, parse("completed,waiting")])
        return Remove(jobs, with_children=draw.random() < 0.3, where=where, is_forced=draw.random() < 0.3)

    def renew(self) -> Renew:
        leases = self.draw.sample(self.held, min(len(self.held), 3))
        return Renew(tuple(Hold(lease.queue, lease.id, lease.token) for lease in leases), self.draw.choice([30, 500]))

    def move(self) -> Move:
        draw = self.draw
        jobs = tuple(self.job() for _ in range(draw.randint(1, 2)))
        where = draw.choice([None, None, parse("failed,waiting,active")])
        action = draw.choice(["retry", "promote", "delay", "cancel", "move", *["prioritise"] * self.has_keys])
        return Move(
            jobs,
            action,  # type: ignore[arg-type]
            delay_ms=draw.choice([0, 15]),
            priority=draw.choice([0, 3]),
            failure=draw.choice([None, Failure("no more", "cancelled")]),
            to=draw.choice(QUEUES),
            where=where,
            with_children=draw.random() < 0.4,
        )

    def listing(self) -> Find:
        draw = self.draw
        where = draw.choice([None, None, parse("name:a"), parse("data.x:2")])
        is_steady = draw.random() < 0.3
        return Find(draw.choice(QUEUES), draw.choice(STATES), draw.randint(1, 4), None, where, is_steady)

    def settlement(self, lease: Lease) -> Settlement:
        if lease.deferred:
            return lifecycle.settle_deferred(lease, lease.deferred)
        attempt = lease.attempts_made + 1
        outcomes: list[Outcome] = [
            Done('"x"'),
            Failed(Failure("boom", attempt=attempt)),
            Failed(Failure('bad\n"é', kind="E", trace="t\nr", attempt=attempt), is_retryable=False),
            Postponed(15),
            PutBack(self.draw.choice([0, 25])),
            AwaitsChildren(),
        ]
        return lifecycle.settle(lease, self.draw.choice(outcomes), 0.0)
