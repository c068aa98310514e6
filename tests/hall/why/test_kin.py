"""What `why` says of a job that waits for others."""

from headrace.core.commands import Configure
from tests.hall.why.conftest import Mill, later


async def test_it_waits_for_children(mill: Mill) -> None:
    await mill.worker()
    queue = mill.app.queue("q")
    children = (
        queue.call("now").options(job_id="now"),
        queue.call("later").options(job_id="later", delay=60),
        queue.call("up").options(job_id="up").after(queue.call("down").options(job_id="down")),
        mill.app.queue("held").call("held").options(job_id="held"),
    )
    job = await mill.app.enqueue(queue.call("root").after(*children))
    await mill.run(Configure("held", is_paused=True))
    held = "the queue held is paused; let it go on: headrace queues resume held"
    assert await mill.why(job) == [
        "it waits for the child q/now (now), which is waiting",
        f"it waits for the child q/later (later), which is delayed until {later(60)}",
        "it waits for the child q/up (up), which is waiting-children; see why: headrace jobs why q/up",
        f"it waits for the child held/held (held), which is waiting: {held}",
    ]


async def test_it_waits_for_children_that_no_worker_takes(mill: Mill) -> None:
    queue = mill.app.queue("q")
    job = await mill.app.enqueue(queue.call("root").after(queue.call("leaf").options(job_id="leaf")))
    assert await mill.why(job) == [
        "it waits for the child q/leaf (leaf), which is waiting: no worker is running; start one: headrace worker APP"
    ]


async def test_it_waits_for_another_job(mill: Mill) -> None:
    await mill.worker()
    first = await mill.add("first")
    job = await mill.app.enqueue(mill.app.queue("q").call("second").after(first))
    assert await mill.why(job) == ["it waits for the job q/1 (first), which is waiting"]


async def test_it_waits_for_more(mill: Mill) -> None:
    await mill.worker()
    queue = mill.app.queue("q")
    children = (queue.call("leaf").options(job_id=f"c{number}") for number in range(7))
    told = await mill.why(await mill.app.enqueue(queue.call("root").options(job_id="root").after(*children)))
    assert told[:1] == ["it waits for the child q/c0 (leaf), which is waiting"]
    assert told[5:] == ["it waits for 2 children more; see them all: headrace flows show q/root"]


async def test_a_failed_child_holds_it(mill: Mill) -> None:
    """It is named before those that will run by themselves."""
    queue = mill.app.queue("q")
    bad = queue.call("bad").options(job_id="bad", priority=1)
    others = [mill.app.queue("other").call("leaf").options(job_id=f"c{number}") for number in range(7)]
    job = await mill.app.enqueue(queue.call("root").after(*others, bad, if_failed="wait"))
    await mill.fail("boom")
    told = await mill.why(job)
    assert told[0] == "it waits for the child q/bad (bad), which is failed and must be retried or removed: boom"
    assert told[1].startswith("it waits for the child other/c0 (leaf), which is waiting: ")
    assert len(told) == 6
