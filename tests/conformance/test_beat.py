"""Beat: a worker lives."""

from msgspec.structs import replace

from headrace.core.commands import Beat, Beaten, Source, WorkerRecord, Workers
from headrace.core.jobs import JobRef

from .clock import FrozenClock
from .desk import Desk

WORKER = WorkerRecord(
    "w",
    "host",
    7,
    (Source("q", ("a", "b")), Source("r")),
    concurrency=5,
    running=2,
    processed=9,
    state="paused",
    version="1",
    memory=5,
    lag_ms=3,
    jobs=(JobRef("q", "1"),),
)


async def test_the_store_adds_its_times_to_what_a_worker_says_of_itself(desk: Desk, clock: FrozenClock) -> None:
    assert await desk.run(Beat(WORKER, 100)) == Beaten()
    expected = replace(WORKER, started_at=clock.now, seen_at=clock.now, expires_at=clock.now + 100)
    assert (await desk.run(Workers())).workers == (expected,)


async def test_the_start_stays_and_the_rest_is_renewed(desk: Desk, clock: FrozenClock) -> None:
    start = clock.now
    await desk.run(Beat(WORKER, 100))
    clock.advance(60)
    newer = replace(WORKER, running=5, processed=11, started_at=123, seen_at=123, expires_at=123)
    await desk.run(Beat(newer, 100))
    expected = replace(newer, started_at=start, seen_at=clock.now, expires_at=clock.now + 100)
    assert (await desk.run(Workers())).workers == (expected,)
    clock.advance(99)
    assert len((await desk.run(Workers())).workers) == 1


async def test_a_worker_that_was_forgotten_starts_anew(desk: Desk, clock: FrozenClock) -> None:
    await desk.run(Beat(WORKER, 100))
    clock.advance(100)
    assert (await desk.run(Workers())).workers == ()
    await desk.run(Beat(WORKER, 100))
    (worker,) = (await desk.run(Workers())).workers
    assert worker.started_at == clock.now
