"""Random commands through the memory store and another one, on one clock: all that can be seen is the same."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from headrace import storage
from headrace.core import lifecycle
from headrace.core.commands import (
    Add,
    Added,
    Claim,
    Command,
    Configure,
    Fire,
    Fired,
    Forget,
    Get,
    Hold,
    Move,
    PutSchedule,
    Recover,
    Remove,
    Renew,
    Schedules,
    Settle,
    Settled,
    Settlement,
    Source,
)
from headrace.core.errors import Refused
from headrace.core.jobs import STATES, Follow, JobRef, Lease, NewJob, Parent, State
from headrace.core.lifecycle import STARTS
from headrace.core.outcomes import Postponed, PutBack
from headrace.storage.memory import MemoryStore
from headrace.storage.protocol import Storage
from headrace.storage.sql.connect import connect
from tests.conformance.clock import FrozenClock
from tests.crash.tables import faults
from tests.model import draws
from tests.model.visible import paged, plain, told, visible

JOBS_MAX: Final = 30  # jobs that are looked at one by one; older ones are seen through the pages of their queue
STRANGER: Final = JobRef("q", "stranger")
EVERYTHING: Final = tuple(map(Source, draws.QUEUES))

T = TypeVar("T")
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


class Machine(RuleBasedStateMachine):
    """Memory beside the engine of a subclass.

    There is one rule, a list of deeds: Hypothesis would leave out rules at random, and jobs live long only if all
    deeds go on.
    """

    engine: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = (MemoryStore(clock=self.clock), self.other())
        self.runner = asyncio.Runner()
        self.jobs: dict[JobRef, None] = {}
        self.states: dict[JobRef, State] = {}
        self.leases: list[Lease] = []
        self.settled: list[Lease] = []
        self.tokens = 0
        self.flows = 0
        for store in self.stores:
            self.runner.run(store.open())
        # Ties between queues go by their creation; in which order one command makes several is not told.
        self.run(*map(Configure, draws.QUEUES))

    def other(self) -> Storage:
        """The store beside memory, empty and not open yet."""
        url = {"memory": "memory://", "sqlite": f"sqlite:///{self.folder / 'jobs.db'}"}[self.engine]
        return storage.open(url, clock=self.clock)

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        if self.engine == "sqlite":
            with closing(connect(str(self.folder / "jobs.db"))) as db:
                assert faults(db) == []
        shutil.rmtree(self.folder)

    @rule(data=st.data(), deeds=st.lists(st.sampled_from(draws.DEEDS), min_size=1, max_size=8))
    def live(self, data: st.DataObject, deeds: list[str]) -> None:
        for deed in deeds:
            getattr(self, deed)(data.draw)
        jobs = tuple(self.jobs)[-JOBS_MAX:]
        expected, actual = (self.runner.run(visible(store, draws.QUEUES, jobs)) for store in self.stores)
        for read, reply in expected.items():
            self.assert_same(reply, actual[read], read)
        records = zip(jobs, expected[repr(Get(jobs))], strict=True)
        self.states = {job: record.state for job, record in records if record}

    def fit(self, command: Command[Any]) -> Command[Any]:
        """The command without what the engine cannot do as memory does."""
        return command

    def run(self, *commands: Command[Any]) -> Any:
        """The answer of both stores, which is the same."""
        commands = tuple(map(self.fit, commands))
        expected, actual = (self.runner.run(store.run(*commands)) for store in self.stores)
        self.assert_same(plain(expected), plain(actual), commands)
        return expected

    def assert_same(self, expected: Any, actual: Any, about: object) -> None:
        actual = self.forgiven(expected, actual)
        assert actual == expected, f"{about}\n  memory: {expected}\n  other:  {actual}"

    def forgiven(self, expected: Any, actual: Any) -> Any:
        """What the other store says, without what the engine cannot say as memory does."""
        return actual

    # -- what is known ------------------------------------------------------------------------------------------

    def job(self, pick: int, states: Collection[State] = STATES) -> JobRef:
        """A job that was in one of these states after the last step, or one of long ago."""
        fit = [job for job, state in self.states.items() if state in states]
        return nth(fit, pick) or nth(tuple(self.jobs), pick) or STRANGER

    def lease(self, pick: int) -> Lease | None:
        """A lease in hand, or if there is none, one that is lost."""
        return nth(self.leases or self.settled, pick)

    def settlement(self, draw: Draw) -> Settlement:
        lease = self.lease(draw(draws.few))
        outcome, keep, token = draw(draws.outcomes), draw(draws.keeps), draw(draws.wrong_tokens)
        if lease is None:
            return Settlement("q", "1", "nobody", "completed")
        if lease.deferred and not isinstance(outcome, PutBack | Postponed):
            made = lifecycle.settle_deferred(lease, lease.deferred)
        else:
            made = lifecycle.settle(lease, outcome, 0.0)
        return replace(made, keep=keep or made.keep, token=token or made.token)

    def drop_settled(self, settlements: Sequence[Settlement], settled: Settled) -> None:
        """Most leases are of use once; a few stay, to be refused."""
        pairs = zip(settlements, settled.refusals, strict=True)
        used = {(made.queue, made.id, made.token) for made, refusal in pairs if refusal is None}
        gone = [lease for lease in self.leases if (lease.queue, lease.id, lease.token) in used]
        self.leases = [lease for lease in self.leases if lease not in gone][-12:]
        self.settled = (self.settled + gone)[-3:]

    def claim_of(self, sources: tuple[Source, ...], limit: int, lease_ms: int) -> Claim:
        self.tokens += 1
        return Claim(sources, limit, f"t{self.tokens}", lease_ms, f"w{self.tokens % 2}")

    def know(self, reply: Added | Refused) -> None:
        for job in reply.jobs if isinstance(reply, Added) else ():
            self.jobs.pop(job, None)
            self.jobs[job] = None

    # -- deeds --------------------------------------------------------------------------------------------------

    def add_jobs(self, draw: Draw) -> None:
        self.know(self.run(Add(draw(draws.batches), draw(draws.requests))))

    def add_jobs_in_one_call(self, draw: Draw) -> None:
        commands = [Add(draw(draws.batches), request) for request in (draw(draws.requests), None, None)]
        for reply in self.run(*commands):
            self.know(reply)

    def add_flow(self, draw: Draw) -> None:
        """A tree: each node hangs below one of the parents before it."""
        self.flows += 1
        flow: list[NewJob] = [replace(draw(draws.nodes), id=f"f{self.flows}", has_children=True)]
        for number in range(draw(st.integers(0, 5))):
            parents = [node for node in flow if node.has_children]
            above = parents[draw(draws.few) % len(parents)]
            node = replace(draw(draws.nodes), parent=Parent(above.queue, str(above.id), draw(draws.policies)))
            flow.append(replace(node, id=f"f{self.flows}-{number}") if node.has_children else node)
        self.know(self.run(Add(tuple(flow), draw(draws.requests))))

    def add_follower(self, draw: Draw) -> None:
        """A job after others, which may have ended or never been, and after a flow that is added with it."""
        self.flows += 1
        top, below = f"f{self.flows}", f"f{self.flows}-below"
        flow = [replace(draw(draws.nodes), id=top, has_children=True), draw(draws.nodes)]
        flow[1] = replace(flow[1], id=below, parent=Parent(flow[0].queue, top, draw(draws.policies)))
        of_flow = [Follow(node.queue, str(node.id), draw(draws.bonds)) for node in flow if draw(st.booleans())]
        others = [self.job(draw(draws.picks)) for _ in range(draw(st.integers(0, 2)))]
        of_others = [Follow(job.queue, job.id, draw(draws.bonds)) for job in others]
        follower = replace(draw(draws.nodes), has_children=True, follows=(*of_flow, *of_others))
        self.know(self.run(Add((*flow, follower), draw(draws.requests))))

    def add_child(self, draw: Draw) -> None:
        lease = self.lease(draw(draws.few)) if draw(st.booleans()) else None
        parent = JobRef(lease.queue, lease.id) if lease else self.job(draw(draws.picks), {"waiting-children", "failed"})
        child = replace(draw(draws.nodes), parent=Parent(parent.queue, parent.id, draw(draws.policies)))
        if child.has_children and draw(st.booleans()):
            other = self.job(draw(draws.picks))
            child = replace(child, follows=(Follow(other.queue, other.id),))
        token = draw(st.sampled_from((None, "wrong", lease and lease.token)))
        self.know(self.run(Add((child,), token=token)))

    def claim(self, draw: Draw) -> None:
        command = self.claim_of(draw(draws.sources), draw(st.sampled_from((0, 1, 2, 5, 50))), draw(draws.spans))
        self.leases += self.run(command).leases

    def claim_anything(self, draw: Draw) -> None:
        self.leases += self.run(self.claim_of(EVERYTHING, draw(draws.few), draw(draws.spans))).leases

    def settle(self, draw: Draw) -> None:
        settlements = tuple(self.settlement(draw) for _ in range(draw(st.integers(1, 5))))
        self.drop_settled(settlements, self.run(Settle(settlements)))

    def turn(self, draw: Draw) -> None:
        """What the pump does: settle what finished and claim what fits, in one call."""
        settlements = tuple(self.settlement(draw) for _ in range(draw(st.integers(1, 4))))
        claim = self.claim_of(draw(draws.sources), len(settlements), draw(draws.spans))
        settled, claimed = self.run(Settle(settlements), claim)
        self.drop_settled(settlements, settled)
        self.leases += claimed.leases

    def advance(self, draw: Draw) -> None:
        self.clock.advance(draw(draws.steps))

    def recover(self, draw: Draw) -> None:
        self.run(Recover(draw(st.sampled_from((1_000, 1, 2)))))

    def renew(self, draw: Draw) -> None:
        leases = [lease for _ in range(draw(draws.few)) if (lease := self.lease(draw(draws.few)))]
        holds = (Hold(lease.queue, lease.id, draw(draws.wrong_tokens) or lease.token) for lease in leases)
        self.run(Renew(tuple(holds), draw(draws.spans)))

    def move(self, draw: Draw) -> None:
        action = draw(draws.actions)
        states = draw(st.sampled_from((STARTS[action], STARTS[action], STATES)))
        jobs = tuple(self.job(draw(draws.picks), states) for _ in range(draw(st.integers(1, 4))))
        delay_ms, priority, failure = draw(draws.delays), draw(draws.priorities), draw(draws.cancellations)
        to, where, with_children = draw(draws.queues), draw(draws.wheres), draw(st.booleans())
        moved = self.run(Move(jobs, action, delay_ms, priority, failure, to, where, with_children))
        for job in moved.jobs:
            self.jobs[job] = None

    def remove(self, draw: Draw) -> None:
        jobs = tuple(self.job(draw(draws.picks)) for _ in range(draw(st.integers(1, 3))))
        is_forced, with_children = draw(st.sampled_from((False, False, False, True))), draw(st.booleans())
        self.run(Remove(jobs, where=draw(draws.wheres), is_forced=is_forced, with_children=with_children))

    def remove_page(self, draw: Draw) -> None:
        page = draw(draws.pages)
        removed = self.run(page)
        while removed.spared is not None and draw(st.booleans()):
            removed = self.run(replace(page, after=removed.spared))

    def annotate(self, draw: Draw) -> None:
        lease = self.lease(draw(draws.few)) if draw(st.booleans()) else None
        job = JobRef(lease.queue, lease.id) if lease else self.job(draw(draws.picks))
        self.run(replace(draw(draws.annotations), job=job, token=lease and lease.token))

    def forget(self, draw: Draw) -> None:
        queue = draw(draws.queues)
        if draw(st.sampled_from((False, False, False, True))):
            self.run(Remove(queue=queue, states=STATES))
        self.run(Forget(queue, draw(st.sampled_from((None, None, "k", "ü")))))

    def use_neighbours(self, draw: Draw) -> None:
        """What is beside the jobs: settings, channels, locks, workers."""
        self.run(draw(draws.neighbours))

    def use_schedules(self, draw: Draw) -> None:
        """Mostly of the present version, so that most of it happens."""
        command = draw(st.one_of(draws.puts, draws.fires, draws.fires, draws.fires, draws.drops))
        behind = draw(draws.versions)
        if isinstance(command, PutSchedule):
            version = self.version(command.schedule.name) - behind
            command = PutSchedule(replace(command.schedule, version=version))
        elif isinstance(command, Fire) and command.version is not None:
            command = replace(command, version=self.version(command.name) - behind)
        reply = self.run(command)
        if isinstance(reply, Fired) and reply.job:
            self.know(Added((reply.job,)))

    def version(self, name: str) -> int:
        found = self.run(Schedules((name,))).schedules
        return found[0].version if found else 0

    def turn_pages(self, draw: Draw) -> None:
        queue, state, page = draw(draws.queues), draw(st.sampled_from(STATES)), draw(st.integers(1, 3))
        how = {"where": draw(draws.wheres), "is_steady": draw(st.booleans())}
        first, second = (self.runner.run(paged(store, queue, state, page, **how)) for store in self.stores)
        self.assert_same(first, second, (queue, state, page, how))

    def ask_why(self, draw: Draw) -> None:
        """Of a job in any state, of one that is gone, and of one that never was, something is said."""
        job = self.job(draw(draws.picks), draw(st.sampled_from([{state} for state in STATES])))
        expected, actual = (self.runner.run(told(store, job)) for store in self.stores)
        assert expected
        self.assert_same(expected, actual, job)


def nth(known: Sequence[T], pick: int) -> T | None:
    """The newest but `pick`, counting round."""
    return known[-1 - pick % len(known)] if known else None
