"""Random commands through the memory store and PostgreSQL: every reply, record and event is the same."""

import random
from collections import defaultdict
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from headrace.core import lifecycle
from headrace.core.backoff import Fixed
from headrace.core.commands import Add, Claim, Claimed, Command, Get, Read, Recover, Settle, Settlement, Source
from headrace.core.errors import Refused
from headrace.core.jobs import Failure, JobRef, Keep, Lease, NewJob, Options, Parent
from headrace.core.log import Change
from headrace.core.outcomes import AwaitsChildren, Cancelled, Done, Failed, Outcome, Postponed, PutBack
from headrace.core.topics import job_events
from headrace.storage.memory import MemoryStore
from headrace.storage.sql.postgres import PostgresStore
from tests.conformance.clock import FrozenClock
from tests.conformance.desk import Desk

SEEDS = 12
STEPS = 150
QUEUES = ("q", "r", "{s}")
NAMES = ("a", "b", "c")
IDS = tuple(f"id{number}" for number in range(12))
KEEPS = (None, None, Keep(0), Keep(2), Keep(age_ms=40), Keep(3, 100))


class Chance:
    """Draws commands that mean something: it remembers the ids and leases it has seen."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.refs: dict[JobRef, None] = {}
        self.leases: list[Lease] = []
        self.tokens = 0

    def command(self) -> Command[Any]:
        kind = self.random.choices((self.add, self.claim, self.settle, self.recover), (5, 6, 6, 1))[0]
        return kind()

    def add(self) -> Add:
        make = self.random.choice((self.jobs, self.jobs, self.flow, self.late_children))
        request = f"request{self.random.randrange(30)}" if self.random.random() < 0.2 else None
        return Add(tuple(make()), request)

    def jobs(self) -> list[NewJob]:
        return [self.job(id=self.maybe_id()) for _ in range(self.random.randint(1, 4))]

    def flow(self) -> list[NewJob]:
        root = self.job(id=f"flow{self.random.randrange(1000)}", has_children=True)
        nodes = [root]
        for _ in range(self.random.randint(0, 4)):
            parent = self.random.choice([node for node in nodes if node.has_children])
            is_node = self.random.random() < 0.3
            own = f"node{self.random.randrange(1000)}" if is_node else self.maybe_id(0.05)
            nodes.append(self.job(id=own, has_children=is_node, parent=self.tie(JobRef(parent.queue, str(parent.id)))))
        return nodes

    def late_children(self) -> list[NewJob]:
        known = list(self.refs)
        active = [JobRef(lease.queue, lease.id) for lease in self.leases[-8:]]
        parent = self.random.choice([*known[-20:], *active * 3, JobRef("q", "nobody"), JobRef("none", "1")])
        return [self.job(), *(self.job(parent=self.tie(parent)) for _ in range(self.random.randint(1, 3)))]

    def tie(self, parent: JobRef) -> Parent:
        return Parent(parent.queue, parent.id, self.random.choice(("fail_parent", "wait")))

    def maybe_id(self, chance: float = 0.3) -> str | None:
        return self.random.choice(IDS) if self.random.random() < chance else None

    def job(self, **fields: Any) -> NewJob:
        pick = self.random.choice
        options = Options(
            attempts=pick((1, 1, 2, 3)),
            backoff=pick((None, Fixed(20))),
            max_stalled=pick((1, 1, 0, 2)),
            lifo=pick((False, False, True)),
            keep_completed=pick(KEEPS),
            keep_failed=pick(KEEPS),
        )
        fields = {"priority": pick((0, 0, 1, 5)), "delay_ms": pick((0, 0, 0, 10, 30)), "data": '{"n": 1}'} | fields
        return NewJob(pick(QUEUES), pick(NAMES), options=options, **fields)

    def claim(self) -> Claim:
        count = self.random.randint(1, 4)
        sources = tuple(Source(self.random.choice((*QUEUES, "none")), self.names()) for _ in range(count))
        self.tokens += 1
        limit = self.random.choice((0, 1, 2, 5, 20))
        return Claim(sources, limit, f"token{self.tokens}", self.random.choice((5, 50, 1000)), "w")

    def names(self) -> tuple[str, ...] | None:
        return self.random.choice((None, None, None, ("a",), ("b", "c"), ()))

    def settle(self) -> Settle:
        recent = self.leases[-15:]
        count = min(len(recent), self.random.randint(0, 6))
        settlements = [self.settlement(lease) for lease in self.random.sample(recent, count)]
        if settlements and self.random.random() < 0.2:
            settlements.append(self.random.choice(settlements))
        if self.random.random() < 0.1:
            settlements.append(Settlement("none", "1", "t", "completed"))
        return Settle(tuple(settlements))

    def settlement(self, lease: Lease) -> Settlement:
        if lease.deferred and self.random.random() < 0.8:
            return lifecycle.settle_deferred(lease, lease.deferred)
        if self.random.random() < 0.05:
            return Settlement(lease.queue, lease.id, lease.token, "failed", keep=lease.options.keep_failed)
        return lifecycle.settle(lease, self.outcome(lease), 0.0)

    def outcome(self, lease: Lease) -> Outcome:
        failure = Failure("no\0pe “x”", attempt=lease.attempts_made + 1)
        return self.random.choice((
            Done('{"r":1}'), Done(), Failed(failure), Failed(failure, is_retryable=False), Postponed(15), Postponed(0),
            PutBack(0), PutBack(25), AwaitsChildren(), AwaitsChildren(), Cancelled(),
        ))  # fmt: skip

    def recover(self) -> Recover:
        return Recover(self.random.choice((1, 3, 1000)))

    def learn(self, reply: Any) -> None:
        self.refs.update(dict.fromkeys(getattr(reply, "jobs", ())))
        self.leases += getattr(reply, "leases", ())


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_random_commands_mean_the_same(
    seed: int, store: PostgresStore, clock: FrozenClock, postgres_url: str, schema: str
) -> None:
    memory, chance = MemoryStore(clock), Chance(seed)
    await memory.open()
    for step in range(STEPS):
        commands = [chance.command() for _ in range(chance.random.choice((1, 1, 1, 2)))]
        expected, got = await memory.run(*commands), await store.run(*commands)
        assert plain(got) == plain(expected), (step, commands)
        for reply in expected if isinstance(expected, tuple) else (expected,):
            chance.learn(reply)
        look = Get(tuple(chance.refs))
        then, now = (await Desk(memory).run(look)).jobs, (await Desk(store).run(look)).jobs
        for ours, theirs in zip(now, then, strict=True):
            assert ours == theirs, (step, commands)
        clock.advance(chance.random.choice((0, 0, 1, 10)))
    assert await events_of_memory(memory) == events_of_postgres(postgres_url, schema)


def plain(reply: Any) -> Any:
    if isinstance(reply, tuple):
        return tuple(plain(part) for part in reply)
    if isinstance(reply, Claimed):  # waits are not told here yet
        return replace(reply, leases=tuple(replace(lease, waited_ms=0) for lease in reply.leases))
    return (reply.code, reply.fields) if isinstance(reply, Refused) else reply


async def events_of_memory(memory: MemoryStore) -> dict[str, list[tuple[str, Change]]]:
    events: dict[str, list[tuple[str, Change]]] = {}
    for queue in QUEUES:
        entries = (await memory.run(Read(job_events(queue), 0, 1_000_000))).entries
        if entries:
            events[queue] = [(entry.key, msgspec.json.decode(entry.body, type=Change)) for entry in entries]
    return events


def events_of_postgres(url: str, schema: str) -> dict[str, list[tuple[str, Change]]]:
    events: defaultdict[str, list[tuple[str, Change]]] = defaultdict(list)
    text = "select q.name, key, state, was, cause from {0}.inbox join {0}.queues q using (queue) order by arrival"
    with psycopg.connect(url) as connection:
        for queue, key, *change in connection.execute(sql.SQL(text).format(sql.Identifier(schema))):
            events[queue].append((key, Change(*change)))
    return dict(events)
