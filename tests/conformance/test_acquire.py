"""Acquire: take or extend a lock."""

from headrace.core.commands import Acquire, Acquired, Release
from headrace.core.errors import Held, LockLost

from .clock import FrozenClock
from .desk import Desk


async def test_a_free_lock_is_taken(desk: Desk) -> None:
    assert await desk.run(Acquire("l", "me", 100)) == Acquired(1)


async def test_a_held_lock_is_refused_to_others_with_who_holds_it_and_until_when(
    desk: Desk, clock: FrozenClock
) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(10)
    assert await desk.refusal(Acquire("l", "you", 100)) == Held(
        name="l", owner="me", until_at=clock() + 90, ends_in_ms=90
    )


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
    assert (await desk.refusal(Acquire("l", "me", 100))).owner == "you"


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
    assert await desk.run(Acquire("m", "you", 100)) == Acquired(2)


async def test_fences_of_all_locks_come_from_one_counter_and_outlive_them(desk: Desk, clock: FrozenClock) -> None:
    fences = []
    for name in ("l", "m", "l"):
        fences.append((await desk.run(Acquire(name, "me", 100))).fence)
        clock.advance(100)
    assert fences == [1, 2, 3]


async def test_as_many_as_the_limit_hold_it_and_no_more(desk: Desk, clock: FrozenClock) -> None:
    assert await desk.run(Acquire("l", "a", 300, limit=2)) == Acquired(1)
    assert await desk.run(Acquire("l", "b", 200, limit=2)) == Acquired(2)
    assert await desk.refusal(Acquire("l", "c", 100, limit=2)) == Held(
        name="l", owner="b", until_at=clock() + 200, ends_in_ms=200
    )
    assert await desk.run(Acquire("l", "a", 300, limit=2)) == Acquired(1)
    clock.advance(200)
    assert await desk.run(Acquire("l", "c", 100, limit=2)) == Acquired(3)


async def test_of_two_holds_that_end_together_the_older_is_named(desk: Desk) -> None:
    for owner in ("b", "a"):
        await desk.run(Acquire("l", owner, 100, limit=2))
    assert (await desk.refusal(Acquire("l", "c", 100, limit=2))).owner == "b"


async def test_the_limit_is_that_of_whoever_asks(desk: Desk) -> None:
    for owner in ("a", "b"):
        await desk.run(Acquire("l", owner, 100, limit=2))
    assert isinstance(await desk.refusal(Acquire("l", "c", 100)), Held)
    assert await desk.run(Acquire("l", "c", 100, limit=3)) == Acquired(3)
    assert await desk.run(Acquire("l", "a", 100)) == Acquired(1)


async def test_with_a_fence_only_that_very_hold_is_extended(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Acquire("l", "me", 100))
    clock.advance(99)
    assert await desk.run(Acquire("l", "me", 100, fence=1)) == Acquired(1)
    lost = LockLost(name="l", owner="me")
    assert await desk.refusal(Acquire("l", "me", 100, fence=2)) == lost
    assert await desk.refusal(Acquire("other", "me", 100, fence=1)) == lost_of("other")
    clock.advance(100)
    assert await desk.refusal(Acquire("l", "me", 100, fence=1)) == lost
    assert await desk.run(Acquire("l", "you", 100)) == Acquired(2)


def lost_of(name: str) -> LockLost:
    return LockLost(name=name, owner="me")
