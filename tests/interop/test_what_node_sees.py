"""What we attach to jobs and set for queues, Node's BullMQ reads; what it attaches and sets, we read."""

import asyncio
import json

from headrace.core.commands import Configure, LineList, Lines, QueueRecord, Queues
from headrace.core.limits import Limits, Rate
from tests.conformance.desk import Desk, new
from tests.interop.node import Node


async def queue_record(desk: Desk) -> QueueRecord:
    (found,) = (await desk.run(Queues(("q",)))).queues
    assert isinstance(found, QueueRecord)
    return found


async def test_progress_data_and_lines_are_read_on_both_sides(node: Node, desk: Desk) -> None:
    (job,) = await desk.add(new(data='{"a":1}'))
    await desk.annotate(job, progress='{"done":5}', lines=("one", "two"), patch='{"b":2}', notes='{"seen":true}')
    found = await node("job", "q", "1")
    assert (found["progress"], found["data"]) == ({"done": 5}, {"a": 1, "b": 2})
    assert await node("logs", "q", "1") == {"logs": ["one", "two"], "count": 2}
    await node("hand", "q", "1", "log", "three")
    assert await desk.run(Lines(job, after=1)) == LineList(("two", "three"), 1, 3)
    assert json.loads((await desk.record(job)).notes or "") == {"seen": True}


async def test_settings_of_a_queue_are_read_on_both_sides(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True, concurrency=3, rate=Rate(5, 1_000), max_waiting=9))
    assert await node("meta", "q") == {"isPaused": True, "concurrency": 3, "rate": {"max": 5, "duration": 1_000}}
    await node("resume", "q")
    found = await queue_record(desk)
    assert (found.is_paused, found.limits) == (False, Limits(3, 9, Rate(5, 1_000)))
    await desk.run(Configure("q", concurrency=None, rate=None, max_waiting=None))
    assert await node("meta", "q") == {"isPaused": False, "concurrency": None, "rate": None}
    assert (await queue_record(desk)).limits == Limits()


async def test_a_queue_that_we_pause_and_resume_is_worked_by_node_then(node: Node, desk: Desk) -> None:
    await desk.run(Configure("q", is_paused=True))
    await desk.add(new())
    await node("work", "q", {})
    assert await desk.counts() == {"waiting": 1}
    await desk.run(Configure("q", is_paused=False))
    assert [job_id for _, job_id, _ in await node("ended", 1, 8_000)] == ["1"]


async def test_notes_of_many_at_once_are_all_kept(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await asyncio.gather(*(desk.annotate(job, notes=f'{{"n{number}":{number}}}') for number in range(20)))
    assert json.loads((await desk.record(job)).notes or "") == {f"n{number}": number for number in range(20)}
