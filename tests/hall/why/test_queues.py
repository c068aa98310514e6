"""What `why` says of a queue that gives out nothing, and of the line before a job."""

import headrace
from headrace.core.commands import Configure
from headrace.core.limits import Rate
from headrace.core.outcomes import PutBack
from tests.hall.why.conftest import Mill, later


async def test_queue_is_paused(mill: Mill) -> None:
    await mill.worker()
    job = await mill.add()
    await mill.app.queue("q").pause()
    assert await mill.why(job) == ["the queue q is paused; let it go on: headrace queues resume q", "it is next"]


async def test_queue_is_paused_whose_name_a_shell_would_take_apart(mill: Mill) -> None:
    queue = mill.app.queue("two words")
    job = await queue.add("x")
    await queue.pause()
    assert (await job.why())[0].endswith("headrace queues resume 'two words'")


async def test_queue_rests(mill: Mill) -> None:
    job = await mill.add()
    await mill.end(PutBack(3_600_000))
    assert (await mill.why(job))[
        0
    ] == f"the queue q rests until {later(3600)}, because a job of it was RateLimited; wait"


async def test_queue_is_at_its_concurrency(mill: Mill) -> None:
    await mill.run(Configure("q", concurrency=1))
    await mill.add()
    await mill.claim()
    told = await mill.why(await mill.add())
    assert told[0] == (
        "the queue q runs as many jobs as it may: 1, with a concurrency of 1; "
        "wait, or raise it: headrace queues limit q --concurrency 2"
    )


async def test_queue_has_used_up_its_rate(mill: Mill) -> None:
    await mill.run(Configure("q", rate=Rate(1, 60_000)))
    await mill.add()
    await mill.claim()
    told = await mill.why(await mill.add())
    assert told[0] == (
        f"the queue q has used up its rate, 1 in 60 s, until {later(60)}; "
        "wait, or raise it: headrace queues limit q --rate N/SPAN"
    )


async def test_key_is_at_its_limit(mill: Mill) -> None:
    await mill.app.queue("q").limit(per_key={"tenant": headrace.Capacity(running=1)})
    await mill.add(data={"tenant": "a"})
    await mill.claim()
    same, other = await mill.add(data={"tenant": "a"}), await mill.add(data={"tenant": "b"})
    assert (await mill.why(same))[0] == (
        "the tenant 'a' runs as many jobs as it may: 1; wait, or raise per_key of the queue q"
    )
    assert not any("as it may" in said for said in await mill.why(other))


async def test_key_is_at_its_limit_only_if_there_is_one(mill: Mill) -> None:
    await mill.app.queue("q").limit(per_key={"tenant": headrace.Capacity(waiting=5)})
    await mill.add(data={"tenant": "a"})
    await mill.claim()
    assert not any("as it may" in said for said in await mill.why(await mill.add(data={"tenant": "a"})))


async def test_it_is_next(mill: Mill) -> None:
    job, _ = await mill.add(), await mill.add()
    assert (await mill.why(job))[-1] == "it is next"


async def test_a_slot_is_free(mill: Mill) -> None:
    await mill.worker()
    job = await mill.add()
    assert await mill.why(job) == [
        "it is next",
        "w-1 can take it; if it stays, see whether that answers: headrace workers ping w-1",
    ]


async def test_others_come_first(mill: Mill) -> None:
    await mill.worker()
    await mill.add()
    job, last = await mill.add(), await mill.add()
    advice = "start more workers, or give those that can wait a priority"
    assert await mill.why(job) == [f"it is behind 1 other job; {advice}"]
    assert await mill.why(last) == [f"it is behind 2 other jobs; {advice}"]


async def test_others_come_first_and_are_not_counted_to_the_last(mill: Mill) -> None:
    queue = mill.app.queue("q")
    jobs = await mill.app.enqueue_many(queue.call("x") for _ in range(102))
    assert (await jobs[99].why())[-1].startswith("it is behind 99 other jobs; ")
    assert (await jobs[101].why())[-1].startswith("it is behind more than 100 other jobs; ")


async def test_higher_priorities_come_first(mill: Mill) -> None:
    await mill.worker()
    await mill.add(priority=5)
    job = await mill.add(priority=5)
    assert await mill.why(job) == ["it is behind 1 other job; start more workers, or wait"]
    await mill.add(priority=2)
    await mill.add()
    assert await mill.why(job) == [
        "it is behind 3 other jobs; start more workers, or wait",
        "2 of them have a higher priority; to raise its own: headrace jobs set q/2 --priority 1",
    ]


async def test_keys_take_turns(mill: Mill) -> None:
    await mill.app.queue("q").limit(per_key={"tenant": headrace.Capacity()})
    for tenant in "aab":
        await mill.add(data={"tenant": tenant})
    job = await mill.add(data={"tenant": "a"})
    assert (await mill.why(job))[-1] == "each tenant of the queue q has its turn, and 2 of 'a' come before it; wait"
