"""Acquire: take or extend a lock."""

from headrace.core.commands import Acquire, Acquired, Release
from headrace.core.errors import Held

from .clock import FrozenClock
from .desk import Desk


async def test_a_free_lock_is_taken(desk: Desk) -> None:
    assert await desk.run(Acquire("l", "me", 100)) == Acquired(1)


async def test_a_held_lock_is_refused_to_others(desk: Desk) -> None:
    await desk.run(Acquire("l", "me", 100))
    assert await desk.refusal(Acquire("l", "you", 100)) == Held(name="l", owner="me")


async def test_a_refused_owner_extends_nothing(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(50)
    await desk.refusal(Acquire("l", "you", 100))
    clock.advance(50)
    assert await desk.run(Acquire("l", "you", 100)) == Acquired(2)


async def test_its_owner_extends_it_and_keeps_the_fence(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(99)
    assert await desk.run(Acquire("l", "me", 100)) == Acquired(1)
    clock.advance(99)
    await desk.refusal(Acquire("l", "you", 100))


async def test_an_expired_lock_is_free(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(99)
    await desk.refusal(Acquire("l", "you", 100))
    clock.advance(1)
    assert await desk.run(Acquire("l", "you", 100)) == Acquired(2)
    assert await desk.refusal(Acquire("l", "me", 100)) == Held(name="l", owner="you")


async def test_the_fence_grows_each_time_the_lock_is_taken(desk: Desk, clock: FrozenClock) -> None:
    fences = []
    for owner in ("me", "me", "you"):
        fences.append((await desk.run(Acquire("l", owner, 100))).fence)
        await desk.run(Release("l", owner))
    await desk.run(Acquire("l", "you", 100))
    clock.advance(100)
    fences.append((await desk.run(Acquire("l", "you", 100))).fence)
    assert fences == [1, 2, 3, 5]


async def test_locks_of_other_names_are_apart(desk: Desk) -> None:
    await desk.run(Acquire("l", "me", 100))
    assert await desk.run(Acquire("m", "you", 100)) == Acquired(1)
