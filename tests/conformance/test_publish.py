"""Publish: append to a channel."""

import pytest

from headrace.core.commands import ChannelRecord, Channels, Publish, Published, Read
from headrace.core.errors import Conflict
from headrace.core.log import Entry

from .clock import FrozenClock
from .desk import Desk, new


async def test_a_channel_is_made_by_its_first_entry(desk: Desk, clock: FrozenClock) -> None:
    assert await desk.run(Publish("c", ('"a"',))) == Published(1)
    assert (await desk.run(Read("c"))).entries == (Entry(1, clock.now, "", '"a"'),)


async def test_entries_have_consecutive_positions_over_all_calls(desk: Desk, clock: FrozenClock) -> None:
    assert await desk.run(Publish("c", ("1", "2"))) == Published(2)
    clock.advance(5)
    assert await desk.run(Publish("c", ("3",), key="k")) == Published(3)
    entries = (await desk.run(Read("c"))).entries
    assert [(entry.position, entry.body, entry.key) for entry in entries] == [(1, "1", ""), (2, "2", ""), (3, "3", "k")]
    assert entries[2].at == entries[0].at + 5


async def test_bodies_come_back_byte_for_byte(desk: Desk) -> None:
    bodies = ('{"b": 1,  "a": "ü\\u0000"}', "null", '"😀"')
    await desk.run(Publish("livesys/42/power #+", bodies, key="ä"))
    assert tuple(entry.body for entry in (await desk.run(Read("livesys/42/power #+"))).entries) == bodies


async def test_channels_do_not_know_each_other(desk: Desk) -> None:
    await desk.run(Publish("a", ("1", "2")))
    assert await desk.run(Publish("b", ("3",))) == Published(1)
    assert len((await desk.run(Read("a"))).entries) == 2


async def test_publishing_nothing_makes_the_channel_and_moves_nothing(desk: Desk) -> None:
    assert await desk.run(Publish("c", ())) == Published(0)
    assert (await desk.run(Channels())).channels == (ChannelRecord("c", 1, 0),)
    await desk.run(Publish("c", ("1",)))
    assert await desk.run(Publish("c", ())) == Published(1)


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_a_writer_that_expected_another_position_is_refused(desk: Desk, expected: int) -> None:
    await desk.run(Publish("c", ("1", "2")))
    refusal = await desk.refusal(Publish("c", ("3",), expected=expected))
    assert refusal == Conflict(channel="c", position=2, expected=expected)
    assert len((await desk.run(Read("c"))).entries) == 2


async def test_a_refused_writer_makes_no_channel(desk: Desk) -> None:
    assert await desk.refusal(Publish("c", ("1",), expected=1)) == Conflict(channel="c", position=0, expected=1)
    assert (await desk.run(Channels())).channels == ()


async def test_a_writer_that_expected_the_last_position_may_write(desk: Desk) -> None:
    assert await desk.run(Publish("c", ("1",), expected=0)) == Published(1)
    assert await desk.run(Publish("c", ("2",), expected=1)) == Published(2)


async def test_a_job_event_follows_what_others_published_to_its_channel(desk: Desk) -> None:
    await desk.add(new())
    await desk.run(Publish("jobs/q", ('{"state":"progress"}',), key="x"))
    await desk.add(new())
    assert [key for key, _ in await desk.events()] == ["1", "x", "2"]
