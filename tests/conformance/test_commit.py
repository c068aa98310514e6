"""Commit: how far a reader has come."""

from headrace.core.commands import Channels, Commit, Committed, Publish, Trim

from .desk import Desk


async def test_a_reader_stands_nowhere_yet(desk: Desk) -> None:
    assert await desk.run(Commit("c", "me")) == Committed(0)


async def test_a_reader_moves_on(desk: Desk) -> None:
    assert await desk.run(Commit("c", "me", 3)) == Committed(3)
    assert await desk.run(Commit("c", "me", 4)) == Committed(4)
    assert await desk.run(Commit("c", "me")) == Committed(4)


async def test_a_reader_never_goes_back(desk: Desk) -> None:
    await desk.run(Commit("c", "me", 3))
    assert await desk.run(Commit("c", "me", 2)) == Committed(3)
    assert await desk.run(Commit("c", "me", 0)) == Committed(3)


async def test_readers_and_channels_are_apart(desk: Desk) -> None:
    await desk.run(Commit("c", "me", 3))
    assert await desk.run(Commit("c", "you")) == Committed(0)
    assert await desk.run(Commit("d", "me")) == Committed(0)


async def test_a_reader_makes_no_channel_and_survives_a_trim(desk: Desk) -> None:
    await desk.run(Commit("c", "me", 1))
    assert (await desk.run(Channels())).channels == ()
    await desk.run(Publish("c", ("1", "2")))
    await desk.run(Trim("c"))
    assert await desk.run(Commit("c", "me")) == Committed(1)
