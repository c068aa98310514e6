"""Configure: the settings of a queue."""

from headrace.core.commands import Configure, Configured, Forget, Queues
from headrace.core.jobs import Keep

from .desk import Desk, keep, new


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


async def keeps(desk: Desk) -> dict[str, Keep]:
    (record,) = (await desk.run(Queues(("q",)))).queues
    return dict(record.keep)


async def test_a_queue_remembers_what_is_to_stay_of_its_finished_jobs(desk: Desk) -> None:
    assert (await desk.run(Configure("q", keep_completed=keep(5)))) == Configured()
    assert await keeps(desk) == {"completed": Keep(5)}
    await desk.run(Configure("q", keep_failed=keep(age_ms=1_000)))
    await desk.run(Configure("q", keep_completed=keep()))
    assert await keeps(desk) == {"completed": Keep(), "failed": Keep(age_ms=1_000)}


async def test_the_retention_of_a_queue_can_be_taken_away(desk: Desk) -> None:
    await desk.run(Configure("q", keep_completed=keep(5), keep_failed=keep(5, 6)))
    await desk.run(Configure("q", keep_completed="default"))
    await desk.run(Configure("q", keep_completed="default"))
    assert await keeps(desk) == {"failed": Keep(5, 6)}


async def test_a_queue_that_is_forgotten_has_no_retention_when_it_comes_again(desk: Desk) -> None:
    await desk.run(Configure("q", keep_completed=keep(5)))
    await desk.run(Forget("q"))
    await desk.run(Configure("q"))
    assert await keeps(desk) == {}


async def test_the_retention_of_a_queue_removes_nothing_by_itself(desk: Desk) -> None:
    await desk.add(new(), new())
    await desk.finish()
    await desk.run(Configure("q", keep_completed=keep(0)))
    await desk.finish()
    assert await desk.counts() == {"completed": 2}
