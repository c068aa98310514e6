"""A job in a user's hands."""

import asyncio
from typing import Any

import pytest

import headrace
from headrace.engine.failures import REASON_MAX
from headrace.errors import (
    DataTooLarge,
    InvalidOption,
    JobFailed,
    Misuse,
    NoSuchJob,
    NotAnObject,
    NotSerialisable,
    ResultTimeout,
    WrongState,
)


async def add(app: headrace.App, **options: Any) -> headrace.Job[Any]:
    return await app.queue("q").add("x", {"a": 1}, **options)


def working(app: headrace.App, **options: Any) -> headrace.Task[[int], int]:
    @app.task(queue="q", **options)
    async def work(n: int) -> int:
        if n < 0:
            raise ValueError("less than nothing")
        return n * 2

    return work


async def test_a_result_that_is_there_is_given_at_once(app: headrace.App) -> None:
    job = await working(app).enqueue(21)
    await app.worker().run_until_idle()
    assert await job.result() == 42
    assert await job.result(timeout=0) == 42


async def test_a_result_is_given_as_soon_as_it_is_there(app: headrace.App) -> None:
    """The poll interval of these apps is far longer than a test may take: only a wake-up can have ended the wait."""
    work = working(app)
    jobs = await app.enqueue_many(work.call(n) for n in range(20))
    async with asyncio.timeout(5):
        waiting = [asyncio.create_task(job.result()) for job in [*jobs, jobs[0]]]
        await asyncio.sleep(0)
        async with app.worker():
            assert await asyncio.gather(*waiting) == [*(n * 2 for n in range(20)), 0]


async def test_the_result_of_one_job_after_another_is_waited_for(app: headrace.App) -> None:
    work = working(app)
    async with asyncio.timeout(5), app.worker():
        for n in range(5):
            assert await (await work.enqueue(n)).result() == n * 2


async def test_a_job_that_failed_for_good_tells_reason_and_cause(app: headrace.App) -> None:
    job = await working(app, attempts=2).enqueue(-1)
    await app.worker().run_until_idle()
    with pytest.raises(JobFailed) as caught:
        await job.result()
    error = caught.value
    assert str(error) == f"{job.ref} failed: less than nothing"
    assert (error.reason, error.cause, error.kind) == ("less than nothing", "error", "ValueError")


async def test_a_result_that_does_not_come_in_time_leaves_the_job_alone(app: headrace.App) -> None:
    job = await working(app).enqueue(1)
    for timeout in (0, 0.02):
        with pytest.raises(ResultTimeout) as caught:
            await job.result(timeout=timeout)
        assert caught.value.timeout == timeout
        assert caught.value.retryable
    assert await job.state() == "waiting"
    await app.worker().run_until_idle()
    assert await job.result() == 2


async def test_whoever_waits_hears_that_the_job_was_removed(app: headrace.App) -> None:
    job = await add(app)
    waiting = asyncio.create_task(job.result(timeout=5))
    await asyncio.sleep(0)
    await job.remove()
    with pytest.raises(NoSuchJob):
        await waiting


async def test_whoever_waits_hears_that_the_job_was_cancelled(app: headrace.App) -> None:
    job = await add(app)
    waiting = asyncio.create_task(job.result(timeout=5))
    await asyncio.sleep(0)
    assert await job.cancel("no longer needed") is True
    with pytest.raises(JobFailed) as caught:
        await waiting
    assert (caught.value.cause, caught.value.reason) == ("cancelled", "no longer needed")


async def test_the_reason_of_a_cancel_is_text_that_a_store_can_keep(app: headrace.App) -> None:
    job = await app.queue("q").add("x")
    await job.cancel("a name \udc80" + "x" * 10_000)
    failure = (await job.refresh()).failure
    assert failure is not None
    assert failure.reason == "a name ?" + "x" * (REASON_MAX - 8)


async def test_waiting_can_be_cancelled_and_leaves_nothing_behind(app: headrace.App) -> None:
    job = await add(app)
    waiting = asyncio.create_task(job.result())
    while not app._client._watches or not app._client._watches["q"]._waiters:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert app._client._watches["q"]._waiters == {}


async def test_a_running_job_is_cancelled_by_its_worker(app: headrace.App) -> None:
    begun = asyncio.Event()

    @app.task
    async def forever() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10), app.worker():
        job = await forever.enqueue()
        await begun.wait()
        assert await job.cancel("no longer needed") is False
        with pytest.raises(JobFailed) as caught:
            await job.result()
    assert (caught.value.cause, caught.value.reason) == ("cancelled", "no longer needed")


async def test_a_finished_job_can_be_retried(app: headrace.App) -> None:
    job = await working(app).enqueue(-1)
    await app.worker().run_until_idle()
    assert await job.state() == "failed"
    await job.update({"n": 4})
    await job.retry()
    await app.worker().run_until_idle()
    assert await job.result() == 8
    assert [failure.reason for failure in (await job.refresh()).failures] == ["less than nothing"]


async def test_a_delayed_job_can_be_promoted_or_delayed_otherwise(app: headrace.App) -> None:
    job = await add(app, delay=60)
    before = (await job.refresh()).due_at
    await job.change_delay(3600)
    after = (await job.refresh()).due_at
    assert before is not None
    assert after is not None
    assert after - before > 3_500_000
    await job.promote()
    assert await job.state() == "waiting"
    with pytest.raises(WrongState):
        await job.promote()


async def test_priority_can_be_changed(app: headrace.App) -> None:
    first, second = await add(app), await add(app)
    await first.change_priority(5)
    assert (await first.state(), (await first.refresh()).priority) == ("prioritized", 5)
    assert [job.id for job in await app.queue("q").jobs("waiting")] == [second.id]
    with pytest.raises(InvalidOption):
        await first.change_priority(-1)


async def test_what_cannot_be_done_from_a_state_is_refused(app: headrace.App) -> None:
    job = await add(app)
    with pytest.raises(WrongState) as caught:
        await job.retry()
    assert caught.value.state == "waiting"


async def test_a_job_that_is_gone_is_no_such_job_whatever_is_asked(app: headrace.App) -> None:
    job = await add(app)
    await job.remove()
    for ask in (job.refresh, job.state, job.result, job.retry, job.remove, job.cancel, job.logs, job.children, job.why):
        with pytest.raises(NoSuchJob):
            await ask()
    with pytest.raises(NoSuchJob):
        await job.note(a=1)
    with pytest.raises(NoSuchJob):
        await app.tree(job)


async def test_data_and_record_are_what_was_seen_last(app: headrace.App) -> None:
    job = await add(app)
    nothing = job.record
    assert nothing is None
    with pytest.raises(Misuse, match="refresh"):
        _ = job.data
    record = await job.refresh()
    assert job.record is record
    assert job.data == {"a": 1}
    await job.update([1, 2])
    assert job.data == {"a": 1}
    await job.refresh()
    assert job.data == [1, 2]


async def test_a_patch_sets_members_of_the_data_and_leaves_the_others(app: headrace.App) -> None:
    job = await add(app)
    await job.update({"to": "ann", "cc": {"bob": 1}})
    await job.patch({"cc": {"cy": 2}, "self": [None]})
    await job.patch({"to": None})
    await job.refresh()
    assert job.data == {"cc": {"bob": 1, "cy": 2}, "self": [None]}
    with pytest.raises(InvalidOption, match="must be a mapping, such as"):
        await job.patch([1])  # type: ignore[arg-type]
    with pytest.raises(NotSerialisable, match="the patch of q/1"):
        await job.patch({"a": object()})
    await job.update([1])
    with pytest.raises(NotAnObject, match="replace all of it"):
        await job.patch({"a": 1})


async def test_notes_are_merged_and_taken_away_with_none(app: headrace.App) -> None:
    job = await add(app)
    await job.note(owner="anna", ticket=5)
    await job.note(ticket=None)
    assert (await job.refresh()).notes == '{"owner":"anna"}'
    await job.note(self="a name like any other")
    assert (await job.refresh()).notes == '{"owner":"anna","self":"a name like any other"}'
    with pytest.raises(NotSerialisable):
        await job.note(a=object())


async def test_progress_and_log_lines_come_from_the_handler(app: headrace.App) -> None:
    @app.task
    def work() -> None:
        ctx = headrace.context()
        for n in range(3):
            ctx.log.sync(f"line {n}")
        ctx.progress.sync({"done": 50})

    job = await work.enqueue()
    assert await job.progress() is None
    assert await job.logs() == []
    await app.worker().run_until_idle()
    assert await job.progress() == {"done": 50}
    assert await job.logs() == ["line 0", "line 1", "line 2"]
    assert await job.logs(after=1, limit=1) == ["line 1"]
    with pytest.raises(InvalidOption):
        await job.logs(limit=0)


async def test_a_custom_id_that_is_there_gives_the_job_that_is_there(app: headrace.App) -> None:
    first = await add(app, job_id="only")
    await first.update({"a": 2})
    again = await add(app, job_id="only")
    assert again == first
    assert hash(again) == hash(first)
    assert (await again.refresh()).data == '{"a":2}'
    assert (await app.queue("q").counts())["waiting"] == 1


async def test_a_job_that_leaves_nothing_behind_has_no_result(app: headrace.App) -> None:
    work = working(app, keep_completed=headrace.Keep(count=0))
    job = await work.enqueue(1)
    waiting = asyncio.create_task(job.result(timeout=5))
    await asyncio.sleep(0)
    await app.worker().run_until_idle()
    with pytest.raises(NoSuchJob):
        await waiting


async def test_a_job_says_who_it_is(app: headrace.App) -> None:
    job = await add(app, job_id="a.png")
    assert (job.queue, job.id, job.name, str(job.ref), repr(job)) == ("q", "a.png", "x", "q/a.png", "<Job q/a.png x>")
    assert await app.get("q", "a.png") == job
    with pytest.raises(NoSuchJob):
        await app.get("q", "b.png")


async def test_what_is_patched_bit_by_bit_stays_within_the_limit() -> None:
    async with headrace.App(settings=headrace.Settings(url="memory://", data_max=60)) as app:
        job = await app.queue("q").add("x", {"a": "0" * 20})
        await job.patch({"b": "0" * 20})
        with pytest.raises(DataTooLarge, match="the data of q/1 would have more than 60 bytes; take members away"):
            await job.patch({"c": "0" * 20})
        swept = await app.queue("q").select().patch({"c": "0" * 20})
        assert (swept.done, [type(no) for no in swept.refusals]) == (0, [DataTooLarge])
        await job.patch({"a": None, "c": "0" * 20})
        await job.note(first="0" * 20)
        with pytest.raises(DataTooLarge, match="the notes of q/1"):
            await job.note(second="0" * 30)
        await job.refresh()
        assert set(job.data) == {"b", "c"}
