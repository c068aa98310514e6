"""The events of a flow: of a job and of all that stands below it, in whatever queues, until all of it has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

import headrace
from headrace.core import topics
from headrace.core.commands import Add, Command, Read, Trim
from headrace.core.jobs import NewJob, Parent
from headrace.errors import InvalidOption, NoSuchJob
from headrace.storage.memory import MemoryStore
from headrace.storage.protocol import Storage, Wrapper


def parted(app: headrace.App) -> headrace.Call[None]:
    """A flow over two queues: `top` after `left` and `right`."""

    @app.task(queue="parts")
    async def part(name: str) -> None: ...

    @app.task(queue="tops")
    async def top() -> None: ...

    return top.call().after(part.call("left"), part.call("right"))


async def told(job: headrace.Job[None], after: Mapping[str, int] | None = None) -> list[headrace.Event | headrace.Gap]:
    async with asyncio.timeout(5):
        return [event async for event in job.events(after=after)]


def states(found: list[headrace.Event | headrace.Gap], job: headrace.JobRef) -> list[str]:
    return [event.state for event in found if isinstance(event, headrace.Event) and event.job == job]


async def test_all_events_of_a_flow_are_told_and_no_others(app: headrace.App) -> None:
    call = parted(app)
    await app.queue("parts").add("stranger")
    job = await app.enqueue(call)
    left, right = await job.children()
    await app.worker().run_until_idle()
    found = await told(job, {})
    assert states(found, job.ref) == ["waiting-children", "waiting", "active", "completed"]
    assert states(found, left.job) == states(found, right.job) == ["waiting", "active", "completed"]
    assert len(found) == 10


async def test_the_events_come_as_they_happen_and_end_with_the_flow(app: headrace.App) -> None:
    job = await app.enqueue(parted(app))
    reading = asyncio.create_task(told(job, {"parts": 2, "tops": 1}))
    async with app.worker():
        found = await reading
    assert states(found, job.ref) == ["waiting", "active", "completed"]
    assert await told(job) == []


class Hasty(Wrapper):
    """A store in which something happens right behind the first page of events that is read."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.then: Callable[[], Awaitable[object]] | None = None

    async def run(self, *commands: Command[Any]) -> Any:
        reply = await super().run(*commands)
        if self.then is not None and isinstance(commands[0], Read) and commands[0].limit > 1:
            then, self.then = self.then, None
            await then()
        return reply


async def test_a_flow_that_ends_while_it_is_looked_at_is_told_to_its_end() -> None:
    store = Hasty(MemoryStore())
    app = headrace.App("memory://")
    app.use_store(lambda: store)
    async with app:
        job = await app.enqueue(parted(app))
        store.then = app.worker().run_until_idle
        found = await told(job, {})
    assert states(found, job.ref) == ["waiting-children", "waiting", "active", "completed"]


async def test_a_reader_of_a_flow_resumes_queue_by_queue(app: headrace.App) -> None:
    job = await app.enqueue(parted(app))
    await app.worker().run_until_idle()
    found = await told(job, {})
    seen: dict[str, int] = {}
    for number, event in enumerate(found, 1):
        assert isinstance(event, headrace.Event)
        seen[event.job.queue] = event.position
        assert await told(job, seen) == found[number:]


async def test_what_was_trimmed_is_told_with_its_queue(app: headrace.App) -> None:
    job = await app.enqueue(parted(app))
    await app.worker().run_until_idle()
    await app.storage.run(Trim(topics.job_events("tops"), keep=1))
    found = await told(job, {})
    assert headrace.Gap(1, 3, "tops") in found
    assert states(found, job.ref) == ["completed"]


async def test_a_child_that_is_added_later_belongs_to_it_in_whatever_queue(app: headrace.App) -> None:
    job = await app.queue("q").add("parent")

    @app.task(queue="q")
    async def parent() -> None:
        below = (NewJob(queue, "child", parent=Parent("q", job.id, "fail_parent")) for queue in ("q", "elsewhere"))
        await app.storage.run(Add(tuple(below)))

    @app.handler("q")
    @app.handler("elsewhere")
    async def child(job: headrace.Job[None]) -> None: ...

    async with app.worker():
        found = await told(job, {})
    assert {event.job.queue for event in found if isinstance(event, headrace.Event)} == {"q", "elsewhere"}
    ended = [event.job for event in found if isinstance(event, headrace.Event) and event.state == "completed"]
    assert len(set(ended)) == len(ended) == 3


async def test_a_single_job_is_a_flow_too_and_its_removal_an_end(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    found: list[headrace.Event | headrace.Gap] = []
    async for event in job.events(after={}):
        found.append(event)
        if len(found) == 1:
            await job.remove()
    assert states(found, job.ref) == ["waiting", "removed"]


async def test_what_is_not_there_has_no_events(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    with pytest.raises(InvalidOption, match="'q' have positions up to 1"):
        await told(job, {"q": 7})
    await job.remove()
    with pytest.raises(NoSuchJob):
        await told(job)
