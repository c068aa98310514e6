"""Read: the entries of a channel after a position."""

from headrace.core.commands import Entries, Publish, Read, Trim
from headrace.core.log import EVENTS_MAX, EVENTS_SLACK, Gap

from .desk import Desk, new


def bodies(reply: Entries) -> str:
    return "".join(entry.body for entry in reply.entries)


async def test_a_channel_that_does_not_exist_is_empty(desk: Desk) -> None:
    assert await desk.run(Read("c")) == Entries((), 0)
    assert await desk.run(Read("c", after=5)) == Entries((), 0)


async def test_a_reader_continues_where_it_stopped(desk: Desk) -> None:
    await desk.run(Publish("c", tuple("12345")))
    first = await desk.run(Read("c", limit=2))
    assert (bodies(first), first.last, first.gap) == ("12", 5, None)
    assert bodies(await desk.run(Read("c", after=2, limit=2))) == "34"
    assert bodies(await desk.run(Read("c", after=4, limit=2))) == "5"
    assert await desk.run(Read("c", after=5)) == Entries((), 5)
    assert await desk.run(Read("c", after=9)) == Entries((), 5)


async def test_a_reader_is_told_what_was_trimmed_before_it_came(desk: Desk) -> None:
    await desk.run(Publish("c", tuple("12345")))
    await desk.run(Trim("c", keep=2))
    reply = await desk.run(Read("c"))
    assert (bodies(reply), reply.last, reply.gap) == ("45", 5, Gap(1, 3))
    assert (await desk.run(Read("c", after=2))).gap == Gap(3, 3)
    assert (await desk.run(Read("c", after=3))).gap is None


async def test_a_gap_may_reach_to_the_end(desk: Desk) -> None:
    await desk.run(Publish("c", tuple("123")))
    await desk.run(Trim("c"))
    assert await desk.run(Read("c", after=1)) == Entries((), 3, Gap(2, 3))
    assert await desk.run(Read("c", after=3)) == Entries((), 3)


async def test_job_events_are_kept_within_bounds(desk: Desk) -> None:
    most = EVENTS_MAX + EVENTS_SLACK
    for count in (5_000, 5_000, 1_000):
        await desk.add(*(new() for _ in range(count)))
        reply = await desk.run(Read("jobs/q", limit=1))
    assert (reply.last, reply.gap) == (most, None)
    await desk.add(new())
    reply = await desk.run(Read("jobs/q", limit=1))
    assert (reply.last, reply.gap) == (most + 1, Gap(1, most + 1 - EVENTS_MAX))
    await desk.run(Publish("bus", ("1",) * (most + 1)))
    assert (await desk.run(Read("bus", limit=1))).gap is None
