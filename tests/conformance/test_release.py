"""Release: give a lock back."""

from headrace.core.commands import Acquire, Acquired, Release, Released

from .clock import FrozenClock
from .desk import Desk


async def test_a_released_lock_is_free(desk: Desk) -> None:
    await desk.run(Acquire("l", "me", 100))
    assert await desk.run(Release("l", "me")) == Released(was_held=True)
    assert await desk.run(Acquire("l", "you", 100)) == Acquired(2)


async def test_releasing_what_is_not_ours_is_harmless(desk: Desk) -> None:
    assert await desk.run(Release("l", "me")) == Released(was_held=False)
    await desk.run(Acquire("l", "you", 100))
    assert await desk.run(Release("l", "me")) == Released(was_held=False)
    assert await desk.run(Acquire("l", "you", 100)) == Acquired(1)


async def test_releasing_twice_releases_once(desk: Desk) -> None:
    await desk.run(Acquire("l", "me", 100))
    await desk.run(Release("l", "me"))
    assert await desk.run(Release("l", "me")) == Released(was_held=False)


async def test_an_expired_lock_was_not_held(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(100)
    assert await desk.run(Release("l", "me")) == Released(was_held=False)
