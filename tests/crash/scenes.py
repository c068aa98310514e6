"""A small world in which every command has something to do, and the calls that do it: no command may be left out."""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from headrace.core import commands
from headrace.core.commands import (
    Acquire,
    Add,
    Annotate,
    Beat,
    Channels,
    Claim,
    Command,
    Commit,
    Configure,
    Count,
    DropSchedule,
    Find,
    Fire,
    Forget,
    Get,
    Hold,
    Leave,
    Lines,
    Locks,
    Move,
    Publish,
    PutSchedule,
    Queues,
    Read,
    Recover,
    Release,
    Remove,
    Renew,
    Schedules,
    Settle,
    Source,
    Tally,
    Tree,
    Trim,
    WorkerRecord,
    Workers,
)
from headrace.core.jobs import DEFAULTS, STATES, Failure, JobRef, Lease
from headrace.core.query import parse
from headrace.core.topics import job_events
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk, child, done, failed, keep, later, new, parent, put_back, ref
from tests.conformance.plans import plan, schedule
from tests.crash.dedups import dedup_calls, deduplicated
from tests.crash.families import families, family_calls
from tests.crash.limited import limited, limited_calls

KINDS: dict[str, type[Command[Any]]] = {
    name: kind
    for name, kind in vars(commands).items()
    if isinstance(kind, type) and issubclass(kind, Command) and kind is not Command
}
"""Every command that there is."""


@dataclass
class Known:
    """What a caller knows of the world: leases in hand by the name of their job, two of them over; a finished job."""

    leases: dict[str, Lease]
    finished: JobRef

    def lease(self, name: str) -> Lease:
        return self.leases[name]


async def world(desk: Desk, clock: FrozenClock) -> Known:
    """Jobs in every state, a flow half done, logs, locks, workers."""
    kin = await families(desk, clock) | await deduplicated(desk)
    await desk.add(new("over-a"), new("over-b", max_stalled=0))
    over = await desk.claim(lease_ms=10, token="over")
    clock.advance(10)
    jobs = await desk.add(
        *(new(name, attempts=2, backoff=None) for name in ("over", "ok", "bad", "late", "back", "noted")),
        new("kept", keep_completed=keep(1)),
        new("kept", keep_completed=keep(1)),
    )
    await desk.finish()
    kept = await desk.claim(limit=6, token="held")
    await desk.add(parent("up"), parent("mid", queue="r", delay_ms=5, **below("up")), *leaves("mid", "r", 3))
    await desk.finish("r", result='{"leaf": 1}')
    leaf = await desk.claim_one("r", token="leaf")
    bad_leaf = await desk.claim_one("r", token="bad-leaf")
    await desk.add(new("plain"), new("urgent", priority=3), new("due", delay_ms=5), new("far", delay_ms=90_000))
    await desk.add(new("mine", id="mine"), new("gone", id="gone"), request_id="asked before")
    await desk.add(new("gone", queue="empty"))
    await desk.remove(ref("1", "empty"))
    await desk.run(Configure("empty", is_paused=True, keep_failed=keep(7)))
    await desk.run(Configure("q", keep_failed=keep(7)))
    await desk.annotate(ref("mine"), lines=("one", "two"), notes='{"a": 1}', progress="10")
    await desk.run(Publish("bus", ("1", "2", "3")))
    await desk.run(Commit("bus", "reader", 1))
    await desk.run(Acquire("lock", "me", 1_000))
    await desk.run(Beat(worker("w"), 60_000))
    for made in SCHEDULED.values():
        await desk.run(PutSchedule(made))
    await desk.run(Fire("skips", 1, slot=100, next_at=200))
    within = await limited(desk)
    clock.advance(7)
    leases = {lease.name: lease for lease in (*over, *kept)} | {"leaf": leaf, "bad-leaf": bad_leaf} | kin | within
    return Known(leases, finished=jobs[0])


SCHEDULED = {
    "plain": schedule("plain", plan(count=1)),
    "skips": schedule("skips", plan(job=new("work", queue="clockwork", delay_ms=5), overlap="skip")),
}


def below(id: str) -> dict[str, Any]:
    return {"parent": child(id).parent}


def leaves(of: str, of_queue: str, count: int) -> list[Any]:
    return [child(of, of_queue=of_queue, queue="r", name=f"leaf-{number}") for number in range(count)]


def worker(id: str) -> WorkerRecord:
    return WorkerRecord(id, "host", 1, (Source("q"),), 10)


def calls(known: Known) -> dict[str, tuple[Command[Any], ...]]:
    """Calls to make on the world, each by itself; `kind` or `kind, how`."""
    lease = known.lease
    settled = Settle((done(lease("ok"), '{"a": 1}'), failed(lease("bad")), later(lease("late"), 50)))
    claim = Claim((Source("q"), Source("r")), 5, "new", 30_000, "w")
    flow = (parent("top"), *leaves("top", "q", 2), child("top", queue="other", id="elsewhere"))
    return (
        {
            "Add": (Add((new("a"), new("b", priority=2), new("c", delay_ms=9), new("d", queue="fresh")), "request"),),
            "Add, a flow": (Add(flow, "request"),),
            "Add, below a parent that is there": (Add((child("mid", of_queue="r"),)),),
            "Add, many at once": tuple(Add((new(f"a{number}"),), f"request {number}") for number in range(4)),
            "Claim": (claim,),
            "Settle": (settled,),
            "Settle, the last of a family": (
                Settle((done(lease("leaf")), failed(lease("bad-leaf"), is_retryable=False))),
            ),
            "Settle, with retention": (Settle((done(lease("kept")), put_back(lease("back"), 100))),),
            "Settle, and Claim": (settled, claim),
            "Renew": (Renew((Hold("q", lease("ok").id, "held"), Hold("q", lease("bad").id, "lost")), 60_000),),
            "Recover": (Recover(),),
            "Move": (Move((ref("12"), lease_ref(lease("kept"))), "cancel", failure=Failure("no", "cancelled")),),
            "Move, retry": (Move((known.finished,), "retry"),),
            "Move, promote": (Move(tuple(ref(str(n)) for n in range(9, 17)), "promote"),),
            "Remove": (Remove((ref("mine"), ref("gone"), ref("up"))),),
            "Remove, a page": (Remove(queue="q", states=STATES),),
            "Annotate": (Annotate(lease_ref(lease("noted")), "held", "50", ("line",), '{"b": 2}', '{"new": 1}'),),
            "Annotate, a patch": tuple(
                Annotate(ref(job), patch='{"a": 2}', where=parse("waiting"), bytes_max=100) for job in ("mine", "12")
            ),
            "Configure": (Configure("q", is_paused=True), Configure("made")),
            "Configure, retention": (Configure("q", keep_completed=keep(5), keep_failed="default"),),
            "Forget": (Forget("empty"),),
            "Publish": (Publish("bus", ("4", "5"), "key"), Publish("new channel", ("1",))),
            "Trim": (Trim("bus", 1), Trim(job_events("q"), 2)),
            "Commit": (Commit("bus", "reader", 2), Commit("bus", "other", 3)),
            "Acquire": (
                Acquire("lock", "me", 9_000),
                Acquire("free", "me", 1_000),
                Acquire("lock", "you", 1_000, limit=2),
            ),
            "Acquire, with the fence": (Acquire("lock", "me", 9_000, fence=1),),
            "Release": (Release("lock", "me"),),
            "Beat": (Beat(worker("w"), 90_000), Beat(worker("x"), 90_000)),
            "Leave": (Leave("w"),),
            "Get": (Get((ref("mine"),)),),
            "Find": (Find("q", "waiting"),),
            "Count": (Count(("q", "r")),),
            "Tree": (Tree(ref("up")),),
            "Lines": (Lines(ref("mine")),),
            "Queues": (Queues(),),
            "Tally": (Tally("q", 60),),
            "Read": (Read("bus"),),
            "Channels": (Channels(),),
            "Locks": (Locks(),),
            "Workers": (Workers(),),
            "PutSchedule": (
                PutSchedule(schedule("new")),
                PutSchedule(replace(SCHEDULED["plain"], version=1, next_at=300)),
            ),
            "DropSchedule": (DropSchedule("plain"),),
            "Fire": (Fire("plain", 1, slot=100, next_at=200),),
            "Fire, though the job before has not finished": (Fire("skips", 2, slot=200, next_at=300),),
            "Fire, by hand": (Fire("skips", request_id="by hand"), Fire("plain", request_id="by hand, too")),
            "Schedules": (Schedules(),),
        }
        | family_calls(known.leases)
        | dedup_calls(known.leases)
        | limited_calls(known.leases)
    )


def lease_ref(lease: Lease) -> JobRef:
    return JobRef(lease.queue, lease.id)


class _Any(dict[str, Lease]):
    """A lease for every name, for who wants to know what calls there are before there is a world."""

    def __missing__(self, name: str) -> Lease:
        return Lease("q", name, "token", name, "{}", DEFAULTS, 0, 0, 0, 1, 0)


SCENES = tuple(calls(Known(_Any(), ref("1"))))
"""The names of all calls."""
