"""Leave: a worker has stopped."""

from headrace.core.commands import Beat, Leave, Left, WorkerRecord, Workers

from .clock import FrozenClock
from .desk import Desk

WORKER = WorkerRecord("w", "host", 7, (), concurrency=1)


async def test_a_worker_that_left_is_gone(desk: Desk) -> None:
    await desk.run(Beat(WORKER, 100))
    assert await desk.run(Leave("w")) == Left(was_known=True)
    assert (await desk.run(Workers())).workers == ()


async def test_a_worker_that_nobody_knows_may_leave(desk: Desk) -> None:
    assert await desk.run(Leave("w")) == Left(was_known=False)
    await desk.run(Beat(WORKER, 100))
    await desk.run(Leave("w"))
    assert await desk.run(Leave("w")) == Left(was_known=False)


async def test_a_worker_that_expired_is_not_known(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Beat(WORKER, 100))
    clock.advance(100)
    assert await desk.run(Leave("w")) == Left(was_known=False)
