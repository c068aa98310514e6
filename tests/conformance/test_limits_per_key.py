"""Limits per key: jobs that a member of their data tells apart take turns, and a key has limits of its own."""

import pytest

from headrace.core.commands import Add, Claim, Configure, Source
from headrace.core.errors import QueueFull
from headrace.core.jobs import Lease, NewJob
from headrace.core.limits import Capacity
from headrace.core.topics import ready
from headrace.storage.protocol import Storage

from .clock import FrozenClock
from .desk import LEASE_MS, Desk, child, done, ids, new, parent, put_back, ref


async def limit(desk: Desk, running: int | None = None, waiting: int | None = None) -> None:
    await desk.run(Configure("q", per_key={"tenant": Capacity(running, waiting)}))


def of(tenant: str, **fields: object) -> NewJob:
    return new(tenant, data=f'{{"tenant": "{tenant}"}}', **fields)


def names(leases: tuple[Lease, ...]) -> str:
    return " ".join(lease.name for lease in leases)


async def add(desk: Desk, tenants: str) -> None:
    await desk.add(*(of(tenant) for tenant in tenants.split()))


async def full(desk: Desk, *jobs: NewJob) -> QueueFull:
    refusal = await desk.refusal(Add(jobs))
    assert isinstance(refusal, QueueFull)
    return refusal


# -- running and turns --------------------------------------------------------------------------------------------


async def test_keys_take_turns(desk: Desk) -> None:
    await limit(desk)
    await add(desk, "a a a a b b c")
    assert names(await desk.claim()) == "a b c a b a a"


async def test_without_limits_per_key_jobs_come_as_they_were_added(desk: Desk) -> None:
    await add(desk, "a a a a b b c")
    assert names(await desk.claim()) == "a a a a b b c"


async def test_turns_go_on_from_claim_to_claim(desk: Desk) -> None:
    await limit(desk)
    await add(desk, "a a a a b b c")
    order = []
    for _ in range(7):
        lease = await desk.claim_one()
        await desk.settle(done(lease))
        order.append(lease.name)
    assert " ".join(order) == "a b c a b a a"


async def test_a_newcomer_waits_for_those_that_had_their_turn_before_it_came(desk: Desk) -> None:
    await limit(desk)
    await add(desk, "a a a")
    await desk.finish()
    order = []
    for number in range(4):
        await add(desk, f"new{number}")
        order.append((await desk.finish()).name)
    assert order == ["a", "new0", "a", "new1"]


async def test_no_more_jobs_of_a_key_run_than_may(desk: Desk) -> None:
    await limit(desk, running=2)
    await add(desk, "a a a a b")
    one, _, two = await desk.claim()
    assert (one.name, two.name) == ("a", "a")
    assert await desk.claim() == ()
    await desk.settle(done(one))
    assert ids(await desk.claim()) == ["3"]


async def test_a_key_at_its_limit_is_no_matter_for_others_and_for_jobs_without_a_key(desk: Desk) -> None:
    await limit(desk, running=1)
    await desk.add(of("a"), of("a"), new("none"), new("none"), of("b"))
    assert names(await desk.claim()) == "a none b none"


async def test_priority_goes_before_turns(desk: Desk) -> None:
    await limit(desk)
    await desk.add(of("a", priority=2), of("a", priority=1), of("b", priority=2), of("c"))
    assert names(await desk.claim()) == "c a b a"


async def test_a_job_that_comes_to_the_front_is_the_first_of_its_key(desk: Desk, clock: FrozenClock) -> None:
    await limit(desk, running=1)
    await add(desk, "a a b")
    lease = await desk.claim_one()
    await desk.settle(put_back(lease))
    assert ids(await desk.claim(limit=1)) == ["3"]
    assert ids(await desk.claim(limit=1)) == ["1"]


async def test_names_that_a_worker_does_not_serve_are_passed_over(desk: Desk) -> None:
    await limit(desk)
    await desk.add(
        *(new(name, data=f'{{"tenant": "{tenant}"}}') for tenant, name in ("ax", "ay", "ay", "bx", "by", "cx"))
    )
    assert ids(await desk.claim(names=("y",))) == ["2", "5", "3"]


async def test_two_sources_of_one_queue_share_the_limit(desk: Desk) -> None:
    await limit(desk, running=2)
    await desk.add(*(new(name, data='{"tenant": "a"}') for name in "xxyy"))
    claim = Claim((Source("q", ("x",)), Source("q", ("y",))), 10, "t", LEASE_MS)
    assert len((await desk.run(claim)).leases) == 2
    assert await desk.claim() == ()


@pytest.mark.parametrize(
    ("data", "same"),
    [
        ('{"tenant": "7"}', True),
        ('{"tenant": 7}', True),
        ('{"other": 1, "tenant":\n7}', True),
        ('{"tenant": 7.0}', False),
        ('{"tenant": true}', False),
        ('{"tenant": null}', False),
        ('{"tenant": [7]}', False),
        ('{"tenant": ""}', False),
        ("[7]", False),
        ("7", False),
    ],
)
async def test_a_text_or_a_whole_number_tells_jobs_apart(desk: Desk, data: str, same: bool) -> None:
    await limit(desk, running=1)
    await desk.add(of("7"), new(data=data))
    assert len(await desk.claim()) == (1 if same else 2)


async def test_the_key_is_that_of_the_data_that_came_with_the_job(desk: Desk) -> None:
    await limit(desk, running=1)
    await add(desk, "a b")
    await desk.annotate(ref("2"), data='{"tenant": "a"}')
    assert len(await desk.claim()) == 2


async def test_limits_hold_for_jobs_that_were_there_before(desk: Desk) -> None:
    await add(desk, "a a b")
    await desk.finish()
    await desk.add(of("a"), parent("up", data='{"tenant": "a"}'), child("up"), of("a", delay_ms=5))
    await desk.claim_one()
    await limit(desk, running=1, waiting=3)
    await full(desk, of("a"))
    assert names(await desk.claim()) == "b child"


async def test_another_member_tells_jobs_apart_anew(desk: Desk) -> None:
    await limit(desk, running=1)
    await desk.add(*(new(data=f'{{"tenant": "a", "site": {site}}}') for site in range(3)))
    assert len(await desk.claim()) == 1
    await desk.run(Configure("q", per_key={"site": Capacity(running=1)}))
    assert len(await desk.claim()) == 2


async def test_lifted_limits_leave_nothing(desk: Desk) -> None:
    await limit(desk, running=1)
    await add(desk, "a a a b")
    await desk.run(Configure("q", per_key=None))
    assert names(await desk.claim()) == "a a a b"


async def test_the_place_that_a_dead_worker_had_of_a_key_comes_back(desk: Desk, clock: FrozenClock) -> None:
    await limit(desk, running=1)
    await add(desk, "a a b")
    for _ in range(3):
        assert {lease.name for lease in await desk.claim()} == {"a", "b"}
        clock.advance(LEASE_MS)
        assert await desk.claim() == ()
        await desk.recover()
    leases = await desk.claim()
    await desk.settle(*map(done, leases))
    assert names(await desk.claim()) == "a"


async def test_whoever_waits_for_a_place_of_a_key_is_woken_when_a_job_ends(desk: Desk, store: Storage) -> None:
    await limit(desk, running=1)
    await add(desk, "a a")
    (lease,) = await desk.claim()
    assert await desk.claim() == ()
    await store.wait({ready("q")}, 0)
    await desk.settle(done(lease))
    assert await store.wait({ready("q")}, 0)


# -- waiting ------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_full_is_named(desk: Desk) -> None:
    await limit(desk, waiting=2)
    await add(desk, "a a b")
    refusal = await full(desk, of("b"), of("a"))
    assert (refusal.queue, refusal.member, refusal.key, refusal.most) == ("q", "tenant", "a", 2)
    assert str(refusal).startswith("the queue 'q' is full for tenant 'a': 2 jobs may wait")
    await desk.add(of("b"), new(), new(), new())


async def test_a_key_with_free_places_takes_what_can_run(desk: Desk) -> None:
    await limit(desk, running=1, waiting=0)
    await add(desk, "a b")
    await full(desk, of("a"))
    leases = await desk.claim()
    await full(desk, of("a"))
    await desk.settle(done(leases[0]))
    await add(desk, "a")


async def test_whatever_waits_of_a_key_counts_until_it_has_run(desk: Desk, clock: FrozenClock) -> None:
    await limit(desk, waiting=4)
    await desk.add(
        of("a", delay_ms=5), of("a", priority=1), of("a"), parent("up", data='{"tenant":"a"}'), child("up", queue="r")
    )
    await full(desk, of("a"))
    await desk.remove(ref("3"))
    await add(desk, "a")
    await desk.move("move", ref("5"), to="r")
    await add(desk, "a")
    clock.advance(5)
    await full(desk, of("a"))
    await desk.finish("r")
    await desk.move("cancel", ref("1"))
    await add(desk, "a")
    await full(desk, of("a"))
    await desk.move("retry", ref("1"))
    for _ in range(2):
        await full(desk, of("a"))
        await desk.claim_one()
    await add(desk, "a")
    await full(desk, of("a"))


async def test_a_job_that_moves_here_counts_here(desk: Desk) -> None:
    await limit(desk, waiting=1)
    (job,) = await desk.add(of("a", queue="r"))
    await desk.move("move", job, to="q")
    await full(desk, of("a"))


async def test_a_key_of_which_no_job_is_ready_has_lost_its_turn_at_the_next_claim(desk: Desk) -> None:
    await desk.run(Configure("q", concurrency=1, per_key={"tenant": Capacity(1)}))
    await desk.add(of("x"), of("y"))
    lease = await desk.claim_one()
    assert await desk.claim() == ()
    await desk.settle(put_back(lease))
    assert (await desk.claim_one()).id == lease.id, "it came to the front, and nothing is known of its key"
