"""Random commands through the memory store and another one, on one clock: all that can be seen is the same."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headrace import storage
from headrace.core import lifecycle
from headrace.core.commands import (
    Acquire,
    Add,
    Annotate,
    Beat,
    Claim,
    Claimed,
    Command,
    Commit,
    Configure,
    Forget,
    Hold,
    Leave,
    Move,
    Publish,
    Recover,
    Release,
    Remove,
    Renew,
    Settle,
    Settlement,
    Source,
    Trim,
    WorkerRecord,
)
from headrace.core.jobs import STATES, Failure, JobRef, Keep, Lease, NewJob, Parent
from headrace.core.outcomes import AwaitsChildren, Cancelled, Done, Failed, Outcome, Postponed, PutBack
from headrace.core.topics import job_events
from headrace.storage.memory import MemoryStore
from tests.conformance.clock import FrozenClock
from tests.model import draws
from tests.model.visible import READERS, paged, plain, visible

JOBS_MAX = 40  # jobs that are looked at after every step; older ones are seen through the pages of their queue
STRANGER = JobRef("q", "stranger")

T = TypeVar("T")

outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    (
        Done('{"done":  1}'),
        Done(),
        Failed(Failure("boom", attempt=1)),
        Failed(Failure("fatal ü", "unrecoverable", "E", "trace", 1), is_retryable=False),
        Postponed(0),
        Postponed(20),
        PutBack(),
        PutBack(100),
        AwaitsChildren(),
        AwaitsChildren(),
        Cancelled(),
    )
)


class Machine(RuleBasedStateMachine):
    """Memory beside the engine of a subclass."""

    engine: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.folder = Path(tempfile.mkdtemp())
        url = {"memory": "memory://", "sqlite": f"sqlite:///{self.folder / 'jobs.db'}"}[self.engine]
        self.stores = (MemoryStore(clock=self.clock), storage.open(url, clock=self.clock))
        self.runner = asyncio.Runner()
        self.jobs: dict[JobRef, None] = {}
        self.leases: list[Lease] = []
        self.seen: dict[str, int] = {}
        self.tokens = 0
        self.flows = 0
        for store in self.stores:
            self.runner.run(store.open())

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    # -- both stores, one answer ----------------------------------------------------------------------------

    def run(self, *commands: Command[Any]) -> Any:
        expected, actual = (self.runner.run(store.run(*commands)) for store in self.stores)
        assert plain(actual) == plain(expected)
        return expected

    def job(self, pick: int) -> JobRef:
        return nth(tuple(self.jobs), pick) or STRANGER

    def settlement(self, pick: int, outcome: Outcome, keep: Keep | None, token: str | None) -> Settlement:
        lease = nth(self.leases, pick)
        if lease is None:
            return Settlement("q", "1", "nobody", "completed")
        if lease.deferred and not isinstance(outcome, PutBack | Postponed):
            made = lifecycle.settle_deferred(lease, lease.deferred)
        else:
            made = lifecycle.settle(lease, outcome, 0.0)
        return msgspec.structs.replace(made, keep=keep or made.keep, token=token or made.token)

    def add(self, jobs: Sequence[NewJob], request_id: str | None = None) -> None:
        reply = self.run(Add(tuple(jobs), request_id))
        for job in getattr(reply, "jobs", ()):
            self.jobs.pop(job, None)
            self.jobs[job] = None

    # -- jobs -----------------------------------------------------------------------------------------------

    @initialize(jobs=st.lists(draws.plain_jobs, max_size=4))
    def begin(self, jobs: list[NewJob]) -> None:
        self.add(jobs)

    @rule(jobs=st.lists(draws.plain_jobs, max_size=5), request_id=draws.requests)
    def add_jobs(self, jobs: list[NewJob], request_id: str | None) -> None:
        self.add(jobs, request_id)

    @rule(groups=st.lists(st.lists(draws.plain_jobs, max_size=3), min_size=2, max_size=4))
    def add_in_one_call(self, groups: list[list[NewJob]]) -> None:
        for reply in self.run(*(Add(tuple(jobs)) for jobs in groups)):
            self.jobs.update(dict.fromkeys(reply.jobs))

    @rule(
        root=draws.jobs(),
        nodes=st.lists(st.tuples(draws.picks, draws.jobs(has_children=st.booleans()), draws.policies), max_size=6),
        request_id=draws.requests,
    )
    def add_flow(self, root: NewJob, nodes: list[tuple[int, NewJob, Any]], request_id: str | None) -> None:
        """A tree: each node hangs below one of the parents before it."""
        self.flows += 1
        flow = [msgspec.structs.replace(root, id=f"f{self.flows}", has_children=True)]
        parents = list(flow)
        for number, (pick, node, policy) in enumerate(nodes):
            above = parents[pick % len(parents)]
            parent = Parent(above.queue, str(above.id), policy)
            name = f"f{self.flows}-{number}" if node.has_children else None
            flow.append(msgspec.structs.replace(node, id=name, parent=parent))
            parents += [flow[-1]] if node.has_children else []
        self.add(flow, request_id)

    @rule(pick=draws.picks, child=draws.plain_jobs, policy=draws.policies)
    def add_child(self, pick: int, child: NewJob, policy: Any) -> None:
        parent = self.job(pick)
        self.add([msgspec.structs.replace(child, parent=Parent(parent.queue, parent.id, policy))])

    @rule(pick=draws.picks, child=draws.jobs(), policy=draws.policies)
    def add_child_of_a_running_job(self, pick: int, child: NewJob, policy: Any) -> None:
        lease = nth(self.leases, pick)
        if lease:
            self.add([msgspec.structs.replace(child, parent=Parent(lease.queue, lease.id, policy))])

    @rule(sources=draws.sources, limit=st.sampled_from((0, 1, 2, 5, 50)), lease_ms=draws.spans)
    def claim(self, sources: tuple[Source, ...], limit: int, lease_ms: int) -> None:
        self.tokens += 1
        claimed: Claimed = self.run(Claim(sources, limit, f"t{self.tokens}", lease_ms, f"w{self.tokens % 2}"))
        self.leases += claimed.leases

    @rule(
        picked=st.lists(st.tuples(st.integers(0, 8), outcomes, draws.keeps), max_size=5),
        token=st.sampled_from((None, None, None, None, "wrong")),
    )
    def settle(self, picked: list[tuple[int, Outcome, Keep | None]], token: str | None) -> None:
        self.run(Settle(tuple(self.settlement(*pick, token) for pick in picked)))

    @rule(
        picked=st.lists(st.tuples(st.integers(0, 8), outcomes, draws.keeps), min_size=1, max_size=3),
        sources=draws.sources,
    )
    def settle_and_claim(self, picked: list[tuple[int, Outcome, Keep | None]], sources: tuple[Source, ...]) -> None:
        """A turn of the pump."""
        self.tokens += 1
        settle = Settle(tuple(self.settlement(*pick, None) for pick in picked))
        _, claimed = self.run(settle, Claim(sources, len(picked), f"t{self.tokens}", 100))
        self.leases += claimed.leases

    @rule(outcome=outcomes)
    def settle_all(self, outcome: Outcome) -> None:
        self.run(Settle(tuple(self.settlement(pick, outcome, None, None) for pick in range(len(self.leases)))))
        self.leases.clear()

    @rule(picks=st.lists(draws.picks, max_size=4), lease_ms=draws.spans)
    def renew(self, picks: list[int], lease_ms: int) -> None:
        leases = [lease for pick in picks if (lease := nth(self.leases, pick))]
        holds = (Hold(lease.queue, lease.id, lease.token) for lease in leases)
        self.run(Renew((*holds, Hold("q", "1", "wrong")), lease_ms))

    @rule(limit=st.sampled_from((1, 2, 1_000)))
    def recover(self, limit: int) -> None:
        self.run(Recover(limit))

    @rule(ms=st.sampled_from((1, 5, 20, 100, 1_000, 700_000)))
    def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule(
        picks=st.lists(draws.picks, max_size=4),
        action=st.sampled_from(("retry", "promote", "delay", "prioritise", "cancel")),
        delay_ms=draws.delays,
        priority=draws.priorities,
        failure=st.sampled_from((None, Failure("no more", "cancelled"))),
    )
    def move(self, picks: list[int], action: Any, delay_ms: int, priority: int, failure: Failure | None) -> None:
        self.run(Move(tuple(map(self.job, picks)), action, delay_ms, priority, failure))

    @rule(picks=st.lists(draws.picks, max_size=3))
    def remove(self, picks: list[int]) -> None:
        self.run(Remove(tuple(map(self.job, picks))))

    @rule(
        queue=draws.queues,
        states=st.lists(st.sampled_from(STATES), max_size=4).map(tuple),
        older_ms=st.sampled_from((0, 1, 50)),
        keep_count=st.sampled_from((0, 1, 3)),
        limit=st.sampled_from((1, 3, 1_000)),
    )
    def remove_page(self, queue: str, states: Any, older_ms: int, keep_count: int, limit: int) -> None:
        self.run(Remove((), queue, states, older_ms, keep_count, limit))

    @rule(
        pick=draws.picks,
        progress=st.sampled_from((None, "1", '{"a":1}')),
        lines=st.lists(st.sampled_from(("", "ü\n", "x")), max_size=3).map(tuple),
        notes=draws.note_texts,
        data=st.sampled_from((None, "[1]")),
    )
    def annotate(self, pick: int, progress: str | None, lines: Any, notes: str | None, data: str | None) -> None:
        self.run(Annotate(self.job(pick), None, progress, lines, notes, data))

    @rule(pick=st.integers(0, 8), lines=st.sampled_from((("x",), ("x",) * 600)))
    def annotate_under_a_lease(self, pick: int, lines: tuple[str, ...]) -> None:
        lease = nth(self.leases, pick)
        if lease:
            self.run(Annotate(JobRef(lease.queue, lease.id), lease.token, "2", lines))

    # -- the rest -------------------------------------------------------------------------------------------

    @rule(queue=draws.queues, is_paused=st.sampled_from((None, True, False, False)))
    def configure(self, queue: str, is_paused: bool | None) -> None:
        self.run(Configure(queue, is_paused))

    @rule(queue=draws.queues)
    def forget(self, queue: str) -> None:
        self.run(Forget(queue))

    @rule(
        channel=st.sampled_from(("bus", job_events("q"))),
        count=st.integers(0, 3),
        expected=st.sampled_from((None, None, 0, 3)),
    )
    def publish(self, channel: str, count: int, expected: int | None) -> None:
        self.run(Publish(channel, ('"x"',) * count, "k", expected))

    @rule(channel=st.sampled_from(("bus", "nowhere", job_events("r"))), keep=st.sampled_from((0, 2, 50)))
    def trim(self, channel: str, keep: int) -> None:
        self.run(Trim(channel, keep))

    @rule(reader=st.sampled_from(READERS), position=st.sampled_from((None, 0, 1, 5)))
    def commit(self, reader: str, position: int | None) -> None:
        self.run(Commit("bus", reader, position))

    @rule(owner=st.sampled_from(READERS), ttl_ms=draws.spans, is_kept=st.booleans())
    def lock(self, owner: str, ttl_ms: int, is_kept: bool) -> None:
        self.run(Acquire("lock", owner, ttl_ms) if is_kept else Release("lock", owner))

    @rule(name=st.sampled_from(("w0", "w1")), running=st.integers(0, 2), ttl_ms=draws.spans)
    def beat(self, name: str, running: int, ttl_ms: int) -> None:
        self.run(Beat(WorkerRecord(name, "host", 1, (Source("q", ("a",)),), 5, running=running), ttl_ms))

    @rule(name=st.sampled_from(("w0", "w1")))
    def leave(self, name: str) -> None:
        self.run(Leave(name))

    @rule(queue=draws.queues, state=st.sampled_from(STATES), page=st.integers(1, 3))
    def turn_pages(self, queue: str, state: Literal["waiting"], page: int) -> None:
        first, second = (self.runner.run(paged(store, queue, state, page)) for store in self.stores)
        assert first == second

    # -- after every step -----------------------------------------------------------------------------------

    @invariant()
    def all_that_can_be_seen_is_the_same(self) -> None:
        jobs = tuple(self.jobs)[-JOBS_MAX:]
        expected, actual = (self.runner.run(visible(store, draws.QUEUES, jobs, self.seen)) for store in self.stores)
        assert actual.keys() == expected.keys()
        for read, reply in expected.items():
            assert actual[read] == reply, read


def nth(known: Sequence[T], pick: int) -> T | None:
    """The newest but `pick`, counting round."""
    return known[-1 - pick % len(known)] if known else None
