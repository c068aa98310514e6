"""What `why` says when no worker has room for a job."""

import headrace
from headrace.core.commands import Leave
from headrace.core.jobs import JobRef
from tests.hall.why.conftest import Mill


async def test_no_worker_lives(mill: Mill) -> None:
    assert await mill.why(await mill.add()) == ["no worker is running; start one: headrace worker APP", "it is next"]


async def test_no_worker_serves_its_queue(mill: Mill) -> None:
    await mill.worker(queue="other")
    assert await mill.why(await mill.add()) == [
        "no worker serves the queue q; start one: headrace worker APP -q q",
        "it is next",
    ]


async def test_no_worker_knows_its_task(mill: Mill) -> None:
    await mill.worker("w-1", "greet", "resize")
    said = "no worker of the queue q serves the task {}; they serve greet, resize: {}register it in their app"
    assert (await mill.why(await mill.add("x")))[0] == said.format("x", "")
    assert (await mill.why(await mill.add("great")))[0] == said.format("great", "was greet meant? ")


async def test_every_slot_is_taken(mill: Mill) -> None:
    job = await mill.add()
    jobs = tuple(JobRef("q", str(number)) for number in range(2, 5))
    await mill.worker(concurrency=3, running=3, jobs=jobs)
    more = "start more, or: headrace workers set w-1 -c 4"
    assert (await mill.why(job))[0] == f"the one worker that serves it is busy: w-1 with q/2, q/3, q/4; {more}"
    await mill.worker("w-2", running=10)
    assert (await mill.why(job))[0] == (f"all 2 workers that serve it are busy: w-1 with q/2, q/3, q/4, w-2; {more}")
    await mill.worker("w-3", running=9)
    assert (await mill.why(job))[0] == "it is next"


async def test_workers_are_paused(mill: Mill) -> None:
    job = await mill.add()
    await mill.worker(state="paused")
    assert (await mill.why(job))[0] == (
        "the one worker that serves it is paused: w-1; let it go on: headrace workers resume w-1"
    )


async def test_workers_are_about_to_end(mill: Mill) -> None:
    job = await mill.add()
    await mill.worker(state="draining")
    assert (await mill.why(job))[0] == (
        "the one worker that serves it is about to end: w-1; start another: headrace worker APP"
    )


async def test_each_worker_has_its_own_reason(mill: Mill) -> None:
    job = await mill.add()
    await mill.worker("w-1", "x", state="paused")
    await mill.worker("w-2", "x", state="draining", running=1)
    await mill.worker("w-3", "x", running=10)
    assert [said.partition(";")[0] for said in await mill.why(job)] == [
        "1 of the 3 workers that serve it is busy: w-3",
        "1 of the 3 workers that serve it is paused: w-1",
        "1 of the 3 workers that serve it is about to end: w-2",
        "it is next",
    ]
    await mill.run(Leave("w-2"))
    await mill.run(Leave("w-3"))
    assert (await mill.why(job))[0].startswith("the one worker that serves it is paused: w-1;")


async def test_workers_have_a_rate(mill: Mill) -> None:
    job, rate = await mill.add(), headrace.Rate(5).stored()
    await mill.worker("w-1", rate=rate)
    await mill.worker("w-2", concurrency=1, running=1, rate=rate)
    busy, bound = (await mill.why(job))[:2]
    assert busy.startswith("1 of the 2 workers that serve it is busy: w-2; ")
    assert bound == (
        "1 of the 2 workers that serve it is bound to a rate: w-1; wait, or lift it: "
        "headrace workers set w-1 --rate none"
    )
    await mill.worker("w-3")
    assert (await mill.why(job))[0] == "it is next"
