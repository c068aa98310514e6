"""Locks: who holds which."""

from headrace.core.commands import Acquire, LockList, LockRecord, Locks, Release

from .clock import FrozenClock
from .desk import Desk


async def held(desk: Desk, name: str | None = None, page: int = 100) -> list[tuple[str, str]]:
    """Every hold, page by page: (lock, owner)."""
    found: list[tuple[str, str]] = []
    reply = await desk.run(Locks(name, page))
    while reply.cursor is not None:
        found += [(lock.name, lock.owner) for lock in reply.locks]
        reply = await desk.run(Locks(name, page, reply.cursor))
    return found + [(lock.name, lock.owner) for lock in reply.locks]


async def test_nobody_holds_anything_in_an_empty_store(desk: Desk) -> None:
    assert await desk.run(Locks()) == LockList(())


async def test_a_hold_is_listed_with_its_fence_and_instants(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    taken_at = clock()
    clock.advance(60)
    await desk.run(Acquire("l", "me", 100))
    assert await desk.run(Locks()) == LockList((LockRecord("l", "me", 1, taken_at, taken_at + 160),))


async def test_holds_come_by_name_and_then_by_fence_in_pages(desk: Desk) -> None:
    for name, owner in (("b", "z"), ("ä", "m"), ("a", "y"), ("b", "a"), ("B", "m")):
        await desk.run(Acquire(name, owner, 100, limit=2))
    expected = [("B", "m"), ("a", "y"), ("b", "z"), ("b", "a"), ("ä", "m")]
    for page in (1, 2, 3, 5):
        assert await held(desk, page=page) == expected
    assert await held(desk, "b", page=1) == [("b", "z"), ("b", "a")]
    assert await held(desk, "c") == []


async def test_what_was_released_or_has_expired_is_not_listed(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    await desk.run(Acquire("m", "me", 101))
    await desk.run(Acquire("n", "me", 200))
    await desk.run(Release("n", "me"))
    clock.advance(100)
    assert await held(desk) == [("m", "me")]
