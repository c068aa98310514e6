"""Forget: a queue that has no job."""

from headrace.core.commands import ChannelRecord, Channels, Configure, Forget, Forgotten, Publish, Queues, Read
from headrace.core.errors import NoSuchQueue, QueueNotEmpty
from headrace.core.log import Gap

from .clock import FrozenClock
from .desk import Desk, ids, new, put_back, ref


async def test_an_empty_queue_is_forgotten(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.remove(job)
    assert await desk.run(Forget("q")) == Forgotten()
    assert (await desk.run(Queues())).queues == ()
    assert (await desk.run(Queues(("q",)))).queues == ()


async def test_a_queue_with_a_job_is_not_forgotten(desk: Desk) -> None:
    await desk.add(new())
    assert await desk.refusal(Forget("q")) == QueueNotEmpty(queue="q")
    await desk.finish()
    assert await desk.refusal(Forget("q")) == QueueNotEmpty(queue="q")
    assert await desk.counts() == {"completed": 1}


async def test_a_queue_that_does_not_exist_cannot_be_forgotten(desk: Desk) -> None:
    assert await desk.refusal(Forget("q")) == NoSuchQueue(queue="q")
    await desk.run(Configure("q"))
    await desk.run(Forget("q"))
    assert await desk.refusal(Forget("q")) == NoSuchQueue(queue="q")


async def test_its_settings_are_forgotten_with_it(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    await desk.settle(put_back(await desk.claim_one(), 1_000))
    await desk.run(Configure("q", is_paused=True))
    await desk.remove(ref("1"))
    await desk.run(Forget("q"))
    await desk.add(new())
    (record,) = (await desk.run(Queues())).queues
    assert (record.is_paused, record.resting_until) == (False, None)
    assert len(await desk.claim()) == 1


async def test_ids_are_not_used_twice_after_it_was_forgotten(desk: Desk) -> None:
    await desk.remove(*await desk.add(new(), new()))
    await desk.run(Forget("q"))
    assert ids(await desk.add(new())) == ["3"]


async def test_its_events_go_and_positions_go_on(desk: Desk) -> None:
    await desk.remove(*await desk.add(new()))
    await desk.run(Forget("q"))
    reply = await desk.run(Read("jobs/q", after=1))
    assert (reply.entries, reply.last, reply.gap) == ((), 2, Gap(2, 2))
    await desk.add(new())
    reply = await desk.run(Read("jobs/q", after=2))
    assert ([entry.position for entry in reply.entries], reply.gap) == ([3], None)
    assert (await desk.run(Channels("jobs/"))).channels == (ChannelRecord("jobs/q", 3, 3),)


async def test_forgetting_a_queue_leaves_the_others_alone(desk: Desk) -> None:
    await desk.add(new(queue="r"))
    await desk.run(Configure("q"))
    await desk.run(Forget("q"))
    assert await desk.counts("r") == {"waiting": 1}
    assert len(await desk.events("r")) == 1


async def test_a_message_to_the_log_of_a_forgotten_queue_does_not_bring_the_queue_back(desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    await desk.run(Forget("q"))
    await desk.run(Publish("jobs/q", ("1",)))
    assert (await desk.run(Queues())).queues == ()
    assert await desk.claim("q") == ()
    assert (await desk.run(Queues())).queues == ()
