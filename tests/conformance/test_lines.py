"""Lines: the log lines of a job."""

from headrace.core.commands import LineList, Lines
from headrace.core.errors import NoSuchJob

from .desk import Desk, new, ref


async def test_a_job_without_lines_has_none(desk: Desk) -> None:
    (job,) = await desk.add(new())
    assert await desk.run(Lines(job)) == LineList((), 0, 0)


async def test_lines_come_in_the_order_in_which_they_were_written(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.annotate(job, lines=("a", "b"))
    await desk.annotate(job, lines=("", "ü\n\u0000"))
    assert await desk.run(Lines(job)) == LineList(("a", "b", "", "ü\n\u0000"), 0, 4)


async def test_lines_can_be_read_page_by_page(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.annotate(job, lines=tuple("abcde"))
    assert await desk.run(Lines(job, after=0, limit=2)) == LineList(("a", "b"), 0, 5)
    assert await desk.run(Lines(job, after=2, limit=2)) == LineList(("c", "d"), 2, 5)
    assert await desk.run(Lines(job, after=4, limit=2)) == LineList(("e",), 4, 5)
    assert await desk.run(Lines(job, after=5, limit=2)) == LineList((), 5, 5)


async def test_the_last_thousand_lines_stay_and_keep_their_numbers(desk: Desk) -> None:
    (job,) = await desk.add(new())
    await desk.annotate(job, lines=tuple(map(str, range(900))))
    await desk.annotate(job, lines=tuple(map(str, range(900, 1_005))))
    assert await desk.run(Lines(job, limit=2)) == LineList(("5", "6"), 5, 1_005)
    assert await desk.run(Lines(job, after=1_003)) == LineList(("1003", "1004"), 1_003, 1_005)
    assert len((await desk.run(Lines(job))).lines) == 1_000


async def test_only_a_job_that_exists_has_lines(desk: Desk) -> None:
    assert await desk.refusal(Lines(ref("1"))) == NoSuchJob(queue="q", id="1")
