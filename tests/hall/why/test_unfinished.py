"""What `why` says of a job that is to come, or runs."""

import pytest

import headrace
from headrace.core.commands import Recover
from headrace.core.outcomes import Postponed
from tests.hall.why.conftest import Mill, later

NOW = "to run it now: headrace jobs promote q/1"


@pytest.fixture(autouse=True)
async def worker(mill: Mill) -> None:
    """Nobody says that no worker lives."""
    await mill.worker()


async def test_it_is_delayed(mill: Mill) -> None:
    job = await mill.add(delay=3600)
    assert await mill.why(job) == [f"it is delayed until {later(3600)}; {NOW}"]


async def test_it_waits_for_its_retry(mill: Mill) -> None:
    job = await mill.add(attempts=3, backoff=60)
    await mill.fail("boom", retryable=True)
    assert await mill.why(job) == [f"it is delayed until {later(60)}, because attempt 1 of 3 failed: boom; {NOW}"]


async def test_it_was_postponed(mill: Mill) -> None:
    job = await mill.add()
    await mill.end(Postponed(60_000))
    assert await mill.why(job) == [
        f"it is delayed until {later(60)}, for its handler asked to run again then (Later), or it was put off; {NOW}"
    ]


async def test_it_is_due(mill: Mill) -> None:
    job = await mill.add(delay=5)
    said = "its time has come; the next worker that has a slot for its queue takes it, in its turn"
    assert said not in await mill.why(job)
    mill.clock.tick(5)
    assert said in await mill.why(job)


@pytest.mark.parametrize(
    ("how", "does"),
    [({"replace": True}, "takes its place"), ({"reschedule": True}, "lets its delay begin anew")],
)
async def test_duplicates_put_it_off(mill: Mill, how: dict[str, bool], does: str) -> None:
    job = await mill.add(delay=60, dedup=headrace.Dedup("k", **how))
    assert (await mill.why(job))[1] == f"each job that is added meanwhile with its dedup key 'k' {does}; {NOW}"


async def test_it_runs(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim()
    mill.clock.tick(12)
    assert await mill.why(job) == [f"it runs on worker w-1 since {later()}, for 12 s, attempt 1"]


async def test_it_was_asked_to_stop(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim()
    await job.cancel()
    assert (await mill.why(job))[1] == (
        "its worker was asked to cancel it; a handler in a thread ends only if it looks at `context().cancelled`"
    )


async def test_its_worker_is_gone(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim("w-lost")
    assert len(await mill.why(job)) == 1, "it may be new, and not have said that it lives"
    mill.clock.tick(5)
    assert (await mill.why(job))[1] == (
        f"that worker gives no sign of life; the job is given back when its lease ends, at {later(60)}, "
        "if another worker lives then"
    )


async def test_its_worker_is_silent(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim()
    mill.clock.tick(31)  # half of what its beat said
    assert (await mill.why(job))[1].startswith("that worker gives no sign of life; ")


async def test_its_worker_is_blocked(mill: Mill) -> None:
    job = await mill.add()
    await mill.worker(blocked_ms=12_345)
    await mill.claim()
    assert (await mill.why(job))[1] == (
        "a handler has blocked the event loop of that worker for 12 s, this job's or another; "
        "the line that does: headrace workers stacks w-1"
    )


async def test_its_lease_has_ended(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim("w-lost")
    said = "its lease has ended, and nobody gave it back; start a worker, or see: headrace doctor"
    mill.clock.tick(70)
    assert said not in await mill.why(job)
    mill.clock.tick(10)
    assert (await mill.why(job))[1] == said


async def test_its_worker_is_about_to_end(mill: Mill) -> None:
    job = await mill.add()
    await mill.claim()
    await mill.worker(state="draining")
    assert (await mill.why(job))[1] == (
        "its worker is about to end; a job that does not end in time is given back, with no attempt used up"
    )


async def test_it_will_not_run(mill: Mill) -> None:
    queue = mill.app.queue("q")
    job = await mill.app.enqueue(queue.call("up").options(job_id="up").after(queue.call("down").options(job_id="down")))
    await mill.fail()
    assert (await mill.why(job))[0] == (
        "it will not run: the next worker to take it records that it failed: child q/down failed; "
        "mend that, and retry it then"
    )


@pytest.mark.parametrize("options", [{}, {"delay": 60}])
async def test_it_may_expire(mill: Mill, options: dict[str, float]) -> None:
    job = await mill.add(expires=3600, **options)
    said = f"it expires at {later(3600)} if nobody has started it by then"
    assert (await mill.why(job))[-1] == said
    mill.clock.tick(60)
    await mill.claim()
    assert said not in await mill.why(job)


async def test_it_may_expire_while_it_waits_for_children(mill: Mill) -> None:
    queue = mill.app.queue("q")
    job = await mill.app.enqueue(queue.call("up").options(expires=60).after(queue.call("down")))
    assert (await mill.why(job))[-1].startswith("it expires at ")


async def test_workers_were_lost_with_it(mill: Mill) -> None:
    job = await mill.add(max_stalled=2)
    for lost in ("a worker was", "2 workers were"):
        await mill.claim(lease_ms=0)
        await mill.run(Recover())
        assert (await mill.why(job))[
            -1
        ] == f"{lost} lost while running it; after more than 2 it fails: look for a crash"


async def test_the_clock_was_set_back(mill: Mill) -> None:
    job = await mill.add(delay=5)
    mill.clock.tick(-600)
    assert (await mill.why(job))[-1] == (
        "the clock was set back by 600 s since it was added, and a delay is longer by that; set the clock right"
    )


async def test_it_was_there_before(mill: Mill) -> None:
    first, second = await mill.add(job_id="a"), await mill.add(job_id="a")
    said = (
        "what was added was a duplicate of this job, and was not stored; "
        "if it was another, give it another dedup key or job_id"
    )
    assert (await mill.why(second))[-1] == said
    assert said not in await mill.why(first)
