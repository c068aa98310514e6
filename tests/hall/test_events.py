"""The events of a queue: every transition, in order, from wherever one stopped."""

import asyncio

import headrace
from headrace.core import topics
from headrace.core.commands import Trim


async def taken(app: headrace.App, count: int, after: int | None = 0) -> list[headrace.Event | headrace.Gap]:
    found: list[headrace.Event | headrace.Gap] = []
    async with asyncio.timeout(5):
        async for event in app.queue("q").events(after=after):
            found.append(event)
            if len(found) == count:
                return found
    raise AssertionError("the events ended")


async def test_every_transition_is_told_in_order(app: headrace.App) -> None:
    @app.task(queue="q")
    def x() -> int:
        return 1

    job = await x.enqueue()
    await app.worker().run_until_idle()
    told = [event for event in await taken(app, 3) if isinstance(event, headrace.Event)]
    assert [(event.position, event.job, event.state, event.was) for event in told] == [
        (1, job.ref, "waiting", None),
        (2, job.ref, "active", "waiting"),
        (3, job.ref, "completed", "active"),
    ]


async def test_a_reader_resumes_after_the_last_position_it_saw(app: headrace.App) -> None:
    queue = app.queue("q")
    jobs = await app.enqueue_many(queue.call("x") for _ in range(4))
    (first, second) = await taken(app, 2)
    assert isinstance(second, headrace.Event)
    rest = await taken(app, 2, after=second.position)
    assert [event.job for event in [first, second, *rest] if isinstance(event, headrace.Event)] == [
        job.ref for job in jobs
    ]


async def test_without_a_position_only_what_is_new_is_told(app: headrace.App) -> None:
    queue = app.queue("q")
    await queue.add("x")
    reading = asyncio.create_task(taken(app, 1, after=None))
    added = 1
    while not reading.done():
        await queue.add("x")
        await asyncio.sleep(0)
        added += 1
    (event,) = reading.result()
    assert isinstance(event, headrace.Event)
    assert 1 < event.position <= added


async def test_what_was_trimmed_before_it_was_read_is_told_as_a_gap(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x") for _ in range(5))
    await app.storage.run(Trim(topics.job_events("q"), keep=2))
    gap, *rest = await taken(app, 3)
    assert gap == headrace.Gap(1, 3)
    assert [event.position for event in rest if isinstance(event, headrace.Event)] == [4, 5]


async def test_threads_read_events_with_a_plain_loop(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x") for _ in range(3))

    def read() -> list[int]:
        found = []
        for event in queue.events.sync(after=0):
            assert isinstance(event, headrace.Event)
            found.append(event.position)
            if len(found) == 3:
                break
        return found

    assert await asyncio.to_thread(read) == [1, 2, 3]
