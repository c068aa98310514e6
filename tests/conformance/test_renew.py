"""Renew: keep leases, and learn which are lost or to be cancelled."""

from headrace.core.commands import Hold, Renew, Renewed
from headrace.core.jobs import Failure

from .clock import FrozenClock
from .desk import Desk, child, done, new, ref


async def test_a_lease_is_extended_from_now(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one(lease_ms=100)
    clock.advance(60)
    assert await desk.renew(lease, lease_ms=100) == Renewed()
    assert (await desk.record(job)).expires_at == clock.now + 100
    clock.advance(99)
    assert await desk.recover() == ()
    clock.advance(1)
    assert await desk.recover() == (job,)


async def test_renewing_nothing_is_allowed(desk: Desk) -> None:
    assert await desk.renew() == Renewed()


async def test_a_lease_that_ended_but_was_not_recovered_is_extended(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    lease = await desk.claim_one(lease_ms=100)
    clock.advance(5_000)
    assert await desk.renew(lease) == Renewed()
    assert await desk.recover() == ()


async def test_leases_that_are_not_ours_are_lost(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(), new(), new())
    recovered = await desk.claim_one(lease_ms=1)
    finished, ours = await desk.claim(limit=2)
    clock.advance(1)
    await desk.recover()
    await desk.settle(done(finished))
    holds = (
        Hold("q", recovered.id, "t"),
        Hold("q", finished.id, "t"),
        Hold("q", ours.id, "wrong"),
        Hold("q", "4", "t"),
        Hold("q", "nobody", "t"),
        Hold("nowhere", "1", "t"),
    )
    renewed = await desk.run(Renew(holds, 1_000))
    assert renewed.lost == tuple(ref(hold.id, hold.queue) for hold in holds)
    assert renewed.cancelled == ()


async def test_a_lost_lease_leaves_the_others_alone(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new())
    first, second = await desk.claim()
    await desk.settle(done(first))
    assert await desk.renew(first, second, lease_ms=99_000) == Renewed(lost=(ref("1"),))
    assert (await desk.record(ref("2"))).expires_at == clock.now + 99_000


async def test_jobs_that_somebody_asked_to_cancel_are_named_and_still_held(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new())
    leases = await desk.claim(lease_ms=100)
    await desk.move("cancel", ref("2"), failure=Failure("no need", "cancelled"))
    clock.advance(50)
    told = Renewed(cancelled=(ref("2"),), reasons=("no need",))
    assert await desk.renew(*leases, lease_ms=100) == told
    assert await desk.renew(*leases, lease_ms=100) == told
    assert (await desk.record(ref("2"))).expires_at == clock.now + 100


async def test_a_cancel_of_a_job_that_is_to_fail_anyhow_has_no_reason_of_its_own(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(child("1", queue="r"))
    await desk.fail("r")
    await desk.move("cancel", ref("1"), failure=Failure("no need", "cancelled"))
    assert (await desk.renew(lease)).reasons == ("cancelled",)


async def test_renewing_is_no_event(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    last = await desk.last_event("jobs/q")
    await desk.renew(lease)
    assert await desk.last_event("jobs/q") == last


async def test_a_renewal_may_shorten_a_lease(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    await desk.renew(await desk.claim_one(lease_ms=1_000), lease_ms=10)
    clock.advance(10)
    assert await desk.recover() == (job,)


async def test_a_lease_renewed_for_no_time_ends_now(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new())
    lease = await desk.claim_one(lease_ms=60_000)
    assert await desk.renew(lease, lease_ms=0) == Renewed()
    assert await desk.recover() == (job,)
    assert (await desk.record(job)).stalls == 1
