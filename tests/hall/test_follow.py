"""A job after jobs that are there already, and steps for the end of a job and for its failure."""

from typing import Any

import pytest

import headrace
from headrace.errors import BadFlow, CannotFollow, JobFailed, Misuse, NoSuchJob


class Mill:
    """An app with a task that does as it is told and one that reports what it learns of the job before it."""

    def __init__(self) -> None:
        self.app = app = headrace.App("memory://")
        self.runs: list[str] = []
        self.heard: list[tuple[Any, ...]] = []

        @app.task(queue="steps")
        async def step(name: str, fails: bool = False) -> str:
            self.runs.append(name)
            if fails:
                raise headrace.Unrecoverable(f"{name} is broken")
            return name

        @app.task(queue="reports")
        async def report() -> None:
            ended = await headrace.context().ended()
            others = await headrace.context().children_by_key()
            reason = ended.failure.reason if ended.failure else None
            self.heard.append((ended.name, ended.state, ended.result, reason, len(others)))

        @app.task(queue="sums")
        async def total(*, last: str = headrace.from_child(step)) -> str:
            return f"after {last}"

        self.step, self.report, self.total = step, report, total

    async def work(self) -> None:
        await self.app.worker().run_until_idle()
        await self.app.worker().run_until_idle()


@pytest.fixture
def mill() -> Mill:
    return Mill()


async def test_a_job_waits_for_one_that_is_there_and_takes_its_result(mill: Mill) -> None:
    async with mill.app:
        job = await mill.step.enqueue("first")
        later = await mill.app.enqueue(mill.total.call().after(job))
        (told,) = await later.why()
        assert told.startswith(f"it waits for the job {job.ref} (step), which is waiting: no worker is running; ")
        await mill.work()
        assert await later.result(timeout=0) == "after first"


async def test_jobs_and_calls_may_stand_side_by_side(mill: Mill) -> None:
    async with mill.app:
        first = await mill.step.enqueue("first")
        call = mill.step.call("last").after(first, mill.step.call("new"), if_failed="ignore")
        await mill.app.enqueue_many([call, mill.step.call("other").after(first)])
        await mill.work()
    assert sorted(mill.runs[:2]) == ["first", "new"]
    assert sorted(mill.runs[2:]) == ["last", "other"]


async def test_after_a_job_that_has_failed_nothing_runs(mill: Mill) -> None:
    async with mill.app:
        job = await mill.step.enqueue("first", fails=True)
        await mill.work()
        later = await mill.app.enqueue(mill.step.call("second").after(job))
        await mill.work()
        with pytest.raises(JobFailed) as failed:
            await later.result(timeout=0)
    assert (failed.value.cause, mill.runs) == ("child-failed", ["first"])


async def test_a_job_that_is_gone_is_named_and_nothing_is_added(mill: Mill) -> None:
    async with mill.app:
        job = await mill.step.enqueue("first")
        await job.remove()
        with pytest.raises(NoSuchJob, match=str(job.ref)):
            await mill.app.enqueue(mill.step.call("second").after(mill.step.call("child"), job))
        assert await mill.app.queue("steps").counts() == dict.fromkeys(await mill.app.queue("steps").counts(), 0)


async def test_a_child_that_is_added_later_cannot_wait_for_others(mill: Mill) -> None:
    async with mill.app:
        job = await mill.app.enqueue(mill.step.call("root").after(mill.step.call("child")))
        other = await mill.app.enqueue(mill.step.call("other").after(job))
        with pytest.raises(CannotFollow, match="wait for them"):
            await job.add_child(mill.step.call("more").after(other))


async def test_a_step_learns_the_result_of_the_job(mill: Mill) -> None:
    async with mill.app:
        call = mill.step.call("root").after(mill.step.call("child"))
        job = await mill.app.enqueue(call.finally_(mill.report.call()).on_failure(mill.step.call("never")))
        await mill.work()
        assert await job.result(timeout=0) == "root"
    assert mill.heard == [("step", "completed", "root", None, 2)]
    assert "never" not in mill.runs


async def test_steps_learn_why_the_job_failed(mill: Mill) -> None:
    async with mill.app:
        call = mill.step.call("root", fails=True).finally_(mill.report.call()).on_failure(mill.report.call())
        await mill.app.enqueue(call)
        await mill.work()
    assert mill.heard == [("step", "failed", None, "root is broken", 1)] * 2


async def test_a_member_of_a_flow_may_have_steps_and_its_parent_does_not_wait_for_them(mill: Mill) -> None:
    async with mill.app:
        child = mill.step.call("child").finally_(mill.report.call().options(delay=3600))
        job = await mill.app.enqueue(mill.step.call("root").after(child))
        await mill.work()
        assert await job.result(timeout=0) == "root"
        assert (await mill.app.queue("reports").counts())["delayed"] == 1


async def test_a_job_without_one_before_it_is_no_step(mill: Mill) -> None:
    async with mill.app:
        job = await mill.report.enqueue()
        await mill.work()
        with pytest.raises(JobFailed, match="is no step"):
            await job.result(timeout=0)


def test_a_step_is_one_job(mill: Mill) -> None:
    call = mill.step.call("root")
    for step in (call.after(mill.step.call("x")), call.finally_(mill.report.call()), mill.total.call()):
        with pytest.raises(BadFlow, match="a step"):
            mill.step.call("a").finally_(step)
    with pytest.raises(Misuse, match="takes calls"):
        call.on_failure(mill.report)  # type: ignore[arg-type]
    for _ in range(10):
        call = call.finally_(mill.report.call())
    with pytest.raises(BadFlow, match="more than 10 steps"):
        call.on_failure(mill.report.call())


async def test_the_same_call_is_not_a_step_of_two_jobs(mill: Mill) -> None:
    step = mill.report.call()
    call = mill.step.call("root").after(mill.step.call("a").finally_(step)).finally_(step)
    with pytest.raises(BadFlow, match="stands twice"):
        await mill.app.enqueue(call)
