"""Workers: those that live."""

from headrace.core.commands import Beat, WorkerList, WorkerRecord, Workers

from .clock import FrozenClock
from .desk import Desk


async def beat(desk: Desk, *names: str, ttl_ms: int = 100) -> None:
    for name in names:
        await desk.run(Beat(WorkerRecord(name, "host", 1, (), concurrency=1), ttl_ms))


async def living(desk: Desk) -> list[str]:
    return [worker.id for worker in (await desk.run(Workers())).workers]


async def test_nobody_lives_in_an_empty_store(desk: Desk) -> None:
    assert await desk.run(Workers()) == WorkerList(())


async def test_workers_come_by_id(desk: Desk) -> None:
    await beat(desk, "b", "a", "B", "ä")
    assert await living(desk) == ["B", "a", "b", "ä"]


async def test_a_worker_is_silent_when_half_of_its_time_is_over(desk: Desk, clock: FrozenClock) -> None:
    async def silence() -> tuple[int, bool]:
        (worker,) = (await desk.run(Workers())).workers
        return worker.silent_ms, worker.is_silent

    await desk.run(Beat(WorkerRecord("a", "host", 1, (), concurrency=1, silent_ms=7), 100))
    assert await silence() == (0, False), "the store has the time, not the worker"
    clock.advance(50)
    assert await silence() == (50, False)
    clock.advance(1)
    assert await silence() == (51, True)
    await beat(desk, "a")
    assert await silence() == (0, False)
    clock.advance(-10)
    assert await silence() == (0, False)


async def test_a_worker_whose_last_beat_expired_is_forgotten(desk: Desk, clock: FrozenClock) -> None:
    await beat(desk, "a", ttl_ms=50)
    await beat(desk, "b", ttl_ms=60)
    clock.advance(49)
    assert await living(desk) == ["a", "b"]
    clock.advance(1)
    assert await living(desk) == ["b"]
    clock.advance(10)
    assert await living(desk) == []
