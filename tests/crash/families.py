"""Flows for the scenes: every policy, what is retried, moved and removed of a family, and minutes that are over."""

from typing import Any

from headrace.core.commands import Add, Claim, Command, Move, Recover, Remove, Settle, Source
from headrace.core.jobs import POLICIES, Bond, Follow, Lease
from headrace.core.query import parse
from headrace.testing import FrozenClock
from tests.conformance.desk import Desk, awaits_children, child, done, failed, new, parent, ref

UP, DOWN, ALONE = "kin-up", "kin-down", "kin-alone"  # queues of parents, of children, and of jobs without either
LATE = "kin-late"  # of jobs that nobody has started in time
DAY_MS = 24 * 60 * 60 * 1000


async def families(desk: Desk, clock: FrozenClock) -> dict[str, Lease]:
    """Make them; the leases in hand by the name of their job."""
    for pause_ms in (61_000, DAY_MS + 61_000):
        await desk.add(new(queue=ALONE))
        await desk.finish(ALONE)
        clock.advance(pause_ms)
    await desk.add(parent("fallen", queue=UP), below("fallen", "fails"))
    await desk.fail(DOWN)
    await desk.fail(UP)
    await desk.add(parent("waits", queue=UP), below("waits", "ignored", "ignore"), below("waits", "pending"))
    await desk.fail(DOWN)
    (pending,) = await desk.claim(DOWN, token="kin")
    for policy in POLICIES:
        await desk.add(parent(f"by-{policy}", queue=UP), below(f"by-{policy}", f"leaf-{policy}", policy))
    leaves = await desk.claim(DOWN, token="kin")
    await desk.add(new("asks", queue=ALONE, id="asks"), new("asks-in-vain", queue=ALONE), new("last", queue=ALONE))
    asking = await desk.claim(ALONE, token="kin")
    await desk.add(child("asks", of_queue=ALONE, queue=DOWN, name="asked-for"))
    await desk.add(parent("whole", queue=UP), below("whole", "part"), below("whole", "later", delay_ms=90_000))
    await desk.add(new("goes", queue=ALONE, id="goes"), new("comes", queue=ALONE, delay_ms=80_000))
    await desk.annotate(ref("goes", ALONE), lines=("one",), notes='{"a": 1}')
    for name, fields in (("late", {}), ("late", {"priority": 1}), ("late", {"delay_ms": 90_000})):
        await desk.add(new(name, queue=LATE, expires_ms=5, **fields))
    await desk.add(parent("waits-late", queue=UP), child("waits-late", of_queue=UP, queue=LATE, expires_ms=5))
    await desk.add(parent("is-late", queue=LATE, expires_ms=5), child("is-late", of_queue=LATE, queue="kin-on"))
    for name in ("done", "fails", "vanishes", "grows"):
        await desk.add(new(f"{name}-before", queue=ALONE, id=f"{name}-before"), *followers(f"{name}-before"))
    before = await desk.claim(ALONE, token="kin", names=("done-before", "fails-before", "grows-before"))
    await desk.add(parent("called-off", queue=UP, siblings="cancel"), *(below("called-off", f"sib-{n}") for n in "abc"))
    siblings = await desk.claim(DOWN, token="kin", names=("sib-a", "sib-b"))
    return {lease.name: lease for lease in (*siblings, pending, *leaves, *asking, *before)}


def followers(of: str) -> list[Any]:
    """One that follows a job, a step for its end, one for its failure, and one that would be dropped."""
    bonds: tuple[Bond, ...] = ("fail_parent", "finally", "on_failure", "drop")
    return [new(f"{of}-{bond}", queue=UP, has_children=True, follows=(Follow(ALONE, of, bond),)) for bond in bonds]


def below(of: str, name: str, policy: str = "fail_parent", **fields: Any) -> Any:
    return child(of, of_queue=UP, queue=DOWN, name=name, policy=policy, **fields)


def family_calls(leases: dict[str, Lease]) -> dict[str, tuple[Command[Any], ...]]:
    """Calls to make on them, as in `scenes.calls`."""
    leaves = [leases[f"leaf-{policy}"] for policy in POLICIES]
    waiting = (awaits_children(leases["asks"]), awaits_children(leases["asks-in-vain"], 50))
    return {
        "Claim, some names": (Claim((Source(DOWN, ("part", "asked-for")),), 9, "new", 30_000, "w"),),
        "Settle, by every policy": (Settle(tuple(failed(leaf, is_retryable=False) for leaf in leaves)),),
        "Settle, waiting for children": (Settle(waiting),),
        "Settle, in another minute": (Settle((done(leases["last"]),)),),
        "Settle, what others follow": (
            Settle((done(leases["done-before"], "1"), failed(leases["fails-before"], is_retryable=False))),
        ),
        "Settle, what calls off its siblings": (Settle((failed(leases["sib-a"], is_retryable=False),)),),
        "Add, after jobs that have ended": (
            Add((new("f", has_children=True, follows=(Follow(ALONE, "1"), Follow(DOWN, "1"), Follow(DOWN, "3"))),)),
            Add((new("g", has_children=True, follows=(Follow(ALONE, "1", "on_failure"),)),)),
        ),
        "Add, below one whose end others wait for": (Add((child("grows-before", of_queue=ALONE),)),),
        "Move, cancel what others follow": (Move((ref("vanishes-before", ALONE),), "cancel"),),
        "Remove, what others follow": (Remove((ref("vanishes-before", ALONE),)),),
        "Move, retry a parent": (Move((ref("fallen", UP),), "retry"),),
        "Move, retry a child": (Move((ref("2", DOWN),), "retry"),),
        "Move, cancel a parent": (Move((ref("whole", UP),), "cancel"),),
        "Move, cancel a flow": (Move((ref("whole", UP), ref("waits", UP)), "cancel", with_children=True),),
        "Move, retry a flow": (Move((ref("fallen", UP), ref("waits", UP)), "retry", with_children=True),),
        "Move, delay": (Move((ref("goes", ALONE), ref("7", ALONE)), "delay", delay_ms=70_000),),
        "Move, prioritise": (Move((ref("goes", ALONE), ref("7", ALONE), ref("whole", UP)), "prioritise", priority=3),),
        "Claim, what is late": (Claim((Source(LATE),), 2, "new", 30_000, "w"),),
        "Recover, what is late": (Recover(),),
        "Move, what has a deadline": (Move((ref("1", LATE),), "move", to="elsewhere"),),
        "Move, to another queue": (
            Move(tuple(ref(name, ALONE) for name in ("1", "goes", "7")), "move", to="elsewhere"),
        ),
        "Move, what fits": (Move((ref("goes", ALONE),), "prioritise", priority=2, where=parse("name:goes")),),
        "Remove, a family": (Remove((ref("whole", UP),), with_children=True),),
        "Remove, one that runs": (Remove((ref("asks", ALONE),), is_forced=True),),
        "Remove, a page, sparing some": (Remove(queue=ALONE, states=("completed",), spares_kept=True),),
    }
