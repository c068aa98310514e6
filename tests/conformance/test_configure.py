"""Configure: the settings of a queue."""

from headrace.core.commands import Configure, Configured, Queues

from .desk import Desk, new


async def is_paused(desk: Desk) -> bool:
    (record,) = (await desk.run(Queues(("q",)))).queues
    return bool(record.is_paused)


async def test_a_queue_that_does_not_exist_is_made(desk: Desk) -> None:
    assert await desk.run(Configure("q")) == Configured()
    assert not await is_paused(desk)


async def test_a_queue_can_be_paused_before_its_first_job(desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    await desk.add(new())
    assert await is_paused(desk)
    assert await desk.claim() == ()


async def test_what_is_not_given_stays(desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    await desk.run(Configure("q"))
    assert await is_paused(desk)


async def test_a_queue_can_be_paused_and_resumed_again_and_again(desk: Desk) -> None:
    for wish in (True, True, False, False, True):
        await desk.run(Configure("q", is_paused=wish))
        assert await is_paused(desk) == wish


async def test_a_pause_leaves_running_jobs_alone(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.run(Configure("q", is_paused=True))
    assert (await desk.renew(lease)).lost == ()
    await desk.run(Configure("q", is_paused=False))
    assert await desk.counts() == {"active": 1}
