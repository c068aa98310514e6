"""Dedup keys for the scenes: each way in which an add can find one, and each end of one."""

from typing import Any

from headrace.core.commands import Add, Command, Forget, Move, Recover, Remove, Settle
from headrace.core.jobs import Dedup, Lease, NewJob
from tests.conformance.desk import Desk, done, new, ref

KEYED = "keyed"  # the queue of all of them


async def deduplicated(desk: Desk) -> dict[str, Lease]:
    """Make them; the leases in hand by the name of their job."""
    await desk.add(keyed("runs"), keyed("dies"))
    leases = await desk.claim(KEYED, token="keyed")
    await desk.add(keyed("runs", keeps_last=True), keyed("dies", keeps_last=True))
    await desk.add(keyed("over", ttl_ms=1), keyed("time", ttl_ms=90_000), keyed("late", delay_ms=80_000, id="late"))
    await desk.add(keyed("done"))
    await desk.move("cancel", ref("6", KEYED))
    return {lease.name: lease for lease in leases}


def keyed(name: str, *, delay_ms: int = 0, id: str | None = None, **how: Any) -> NewJob:
    return new(name, queue=KEYED, delay_ms=delay_ms, id=id, dedup=Dedup(name, **how))


def dedup_calls(leases: dict[str, Lease]) -> dict[str, tuple[Command[Any], ...]]:
    """Calls to make on them, as in `scenes.calls`."""
    late = keyed("late", delay_ms=70_000, replaces=True)
    return {
        "Add, duplicates": (Add((keyed("time", ttl_ms=99_000, extends=True), keyed("new"), keyed("new")), "dups"),),
        "Add, replacing": (Add((late, new(queue=KEYED), late), "replacing"),),
        "Add, rescheduling": (Add((keyed("late", delay_ms=60_000, reschedules=True),), "rescheduling"),),
        "Add, kept for later": (Add((keyed("runs", keeps_last=True),), "kept"),),
        "Settle, with one kept": (Settle((done(leases["runs"]), done(leases["dies"]))),),
        "Recover, and forget keys": (Recover(),),
        "Move, retry one with a key": (Move((ref("6", KEYED),), "retry"),),
        "Move, cancel one with a key": (Move((ref("late", KEYED),), "cancel"),),
        "Move, with a key, to another queue": (Move((ref("late", KEYED),), "move", to="elsewhere"),),
        "Remove, one with a key": (Remove((ref("late", KEYED), ref("1", KEYED)), is_forced=True),),
        "Forget, a key": (Forget(KEYED, "late"),),
    }
