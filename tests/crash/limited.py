"""A queue with limits for the scenes: keys that take turns, one of which has nothing ready any more, and a rate."""

from typing import Any

from headrace.core.commands import Add, Claim, Command, Configure, Settle, Source
from headrace.core.jobs import Lease
from headrace.core.limits import Capacity, Rate
from tests.conformance.desk import Desk, done, new

QUEUE = "limited"
SITES = {"site": Capacity(running=2, waiting=9)}


def of(site: str, **fields: Any) -> Any:
    return new(site, queue=QUEUE, data=f'{{"site": "{site}"}}', **fields)


async def limited(desk: Desk) -> dict[str, Lease]:
    """Make it; the lease in hand by the name of its job."""
    await desk.run(Configure(QUEUE, concurrency=9, max_waiting=50, rate=Rate(9, 100), per_key=SITES))
    await desk.add(of("gone"))
    (lease,) = await desk.claim(QUEUE, token="limited")
    await desk.add(of("a"), of("a"), of("a"), of("b"), of("c", delay_ms=5))
    return {lease.name: lease}


def limited_calls(leases: dict[str, Lease]) -> dict[str, tuple[Command[Any], ...]]:
    return {
        "Add, within limits": (Add((of("a"), of("d", priority=1), of("b", delay_ms=9)), "in turn"),),
        "Claim, in turn": (Claim((Source(QUEUE),), 3, "new", 30_000, "w"),),
        "Settle, and a place is free": (Settle((done(leases["gone"]),)),),
        "Configure, limits": (Configure("q", concurrency=9, rate=Rate(5, 100), per_key=SITES),),
        "Configure, lifted": (Configure(QUEUE, rate=None, per_key=None),),
    }
