"""Release: give a lock back."""

from headrace.core import topics
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


async def test_one_of_several_gives_back_its_own_hold(desk: Desk) -> None:
    for owner in ("a", "b"):
        await desk.run(Acquire("l", owner, 100, limit=2))
    assert await desk.run(Release("l", "a")) == Released(was_held=True)
    assert await desk.run(Acquire("l", "b", 100, limit=2)) == Acquired(2)
    assert await desk.run(Acquire("l", "c", 100, limit=2)) == Acquired(3)


async def test_who_waits_for_a_lock_is_woken_when_it_is_released(desk: Desk) -> None:
    topic = {topics.lock("l")}
    await desk.run(Acquire("l", "me", 100))
    await desk.store.wait(topic, 0)
    await desk.run(Release("l", "you"))
    assert await desk.store.wait(topic, 0) == set()
    await desk.run(Release("l", "me"))
    assert await desk.store.wait(topic, 0) == topic
