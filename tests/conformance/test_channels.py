"""Channels: which there are."""

from headrace.core.commands import ChannelList, ChannelRecord, Channels, Publish

from .desk import Desk, new


async def names(desk: Desk, **fields: object) -> tuple[list[str], str | None]:
    reply = await desk.run(Channels(**fields))  # type: ignore[arg-type]
    return [channel.name for channel in reply.channels], reply.cursor


async def publish(desk: Desk, *channels: str) -> None:
    for channel in channels:
        await desk.run(Publish(channel, ("1",)))


async def test_an_empty_store_has_none(desk: Desk) -> None:
    assert await desk.run(Channels()) == ChannelList(())


async def test_channels_come_by_name_in_the_order_of_code_points(desk: Desk) -> None:
    await publish(desk, "b", "ä", "B", "a/2", "a", "a/10", "a0", "😀", "\uffff")
    assert await names(desk) == (["B", "a", "a/10", "a/2", "a0", "b", "ä", "\uffff", "😀"], None)


async def test_channels_can_be_chosen_by_how_their_name_begins(desk: Desk) -> None:
    await publish(desk, "a", "a/1", "A/1", "a%", "a_", "ab", "b", "a*?[")
    assert await names(desk, prefix="a/") == (["a/1"], None)
    assert await names(desk, prefix="a%") == (["a%"], None)
    assert await names(desk, prefix="a_") == (["a_"], None)
    assert await names(desk, prefix="a*") == (["a*?["], None)
    assert await names(desk, prefix="x") == ([], None)


async def test_channels_come_page_by_page(desk: Desk) -> None:
    await publish(desk, "a", "b", "c", "x/d", "x/e")
    assert await names(desk, limit=2) == (["a", "b"], "b")
    assert await names(desk, limit=2, after="b") == (["c", "x/d"], "x/d")
    assert await names(desk, limit=2, after="x/d") == (["x/e"], None)
    assert await names(desk, limit=1, prefix="x/") == (["x/d"], "x/d")
    assert await names(desk, limit=1, prefix="x/", after="x/d") == (["x/e"], None)


async def test_a_full_last_page_has_no_cursor(desk: Desk) -> None:
    await publish(desk, "a", "b")
    assert await names(desk, limit=2) == (["a", "b"], None)


async def test_a_queue_has_a_channel_for_its_events(desk: Desk) -> None:
    await desk.add(new())
    assert (await desk.run(Channels())).channels == (ChannelRecord("jobs/q", 1, 1),)
