"""The events of a queue: every transition, in order, from wherever one stopped."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import headrace
from headrace.core import topics
from headrace.core.commands import Trim
from headrace.errors import InvalidOption


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
    assert gap == headrace.Gap(1, 3, "q")
    assert [event.position for event in rest if isinstance(event, headrace.Event)] == [4, 5]


async def test_a_reader_who_comes_back_to_an_empty_log_is_told_and_goes_on(app: headrace.App) -> None:
    queue = app.queue("q")
    await app.enqueue_many(queue.call("x") for _ in range(5))
    (*_, second) = await taken(app, 2)
    assert isinstance(second, headrace.Event)
    await app.storage.run(Trim(topics.job_events("q")))
    reading = asyncio.create_task(taken(app, 2, after=second.position))
    await asyncio.sleep(0)
    job = await queue.add("x")
    gap, event = await reading
    assert gap == headrace.Gap(3, 5, "q")
    assert isinstance(event, headrace.Event)
    assert (event.position, event.job) == (6, job.ref)


@pytest.mark.parametrize("after", [-1, 2])
async def test_a_position_that_was_never_reached_is_refused(app: headrace.App, after: int) -> None:
    await app.queue("q").add("x")
    with pytest.raises(InvalidOption, match="positions up to 1; 0 gives all"):
        await taken(app, 1, after=after)


async def test_a_reader_can_be_closed_before_the_next_event(app: headrace.App) -> None:
    await app.queue("q").add("x")
    events: AsyncGenerator[headrace.Event | headrace.Gap] = app.queue("q").events(after=0)
    assert isinstance(await anext(events), headrace.Event)
    await events.aclose()
    assert [event async for event in events] == []


async def test_events_of_another_process_come_as_they_happen(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/headrace.db"
    code = f"import headrace; app = headrace.App({url!r}); app.queue('q').add.sync('x'); app.close.sync()"
    async with headrace.App(settings=headrace.Settings(url=url, poll=30.0)) as app:
        await app.queue("q").add("x")
        reading = asyncio.create_task(taken(app, 1, after=1))
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        assert await other.wait() == 0
        (event,) = await reading
    assert isinstance(event, headrace.Event)
    assert (event.position, event.state) == (2, "waiting")


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
