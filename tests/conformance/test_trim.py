"""Trim: remove old entries."""

import pytest

from headrace.core.commands import ChannelRecord, Channels, Publish, Published, Read, Trim, Trimmed

from .desk import Desk


@pytest.mark.parametrize(("keep", "count", "first"), [(0, 3, 4), (1, 2, 3), (3, 0, 1), (9, 0, 1)])
async def test_all_but_the_newest_entries_go(desk: Desk, keep: int, count: int, first: int) -> None:
    await desk.run(Publish("c", ("1", "2", "3")))
    assert await desk.run(Trim("c", keep)) == Trimmed(count)
    assert (await desk.run(Channels())).channels == (ChannelRecord("c", first, 3),)
    entries = (await desk.run(Read("c"))).entries
    assert [entry.position for entry in entries] == list(range(first, 4))


async def test_trimming_twice_trims_once(desk: Desk) -> None:
    await desk.run(Publish("c", ("1", "2", "3")))
    await desk.run(Trim("c", 1))
    assert await desk.run(Trim("c", 2)) == Trimmed(0)
    assert (await desk.run(Channels())).channels == (ChannelRecord("c", 3, 3),)


async def test_positions_are_never_used_twice(desk: Desk) -> None:
    await desk.run(Publish("c", ("1", "2")))
    await desk.run(Trim("c"))
    assert await desk.run(Publish("c", ("3",))) == Published(3)


async def test_a_channel_that_does_not_exist_has_nothing_to_trim(desk: Desk) -> None:
    assert await desk.run(Trim("c")) == Trimmed(0)
    assert (await desk.run(Channels())).channels == ()


async def test_other_channels_are_left_alone(desk: Desk) -> None:
    await desk.run(Publish("c", ("1",)))
    await desk.run(Publish("d", ("1",)))
    await desk.run(Trim("c"))
    assert len((await desk.run(Read("d"))).entries) == 1
