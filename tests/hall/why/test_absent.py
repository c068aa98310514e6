"""What `why` says of a job that is not there: it is refused, with what is still known."""

import pytest

import headrace
from headrace.core.jobs import JobRef
from headrace.core.outcomes import Done
from headrace.errors import NoSuchJob
from headrace.why import why
from tests.hall.why.conftest import Mill, later


async def told(mill: Mill, job: JobRef, url: str = "sqlite:///jobs.db") -> str:
    """What is said of a job beside that it is not there."""
    with pytest.raises(NoSuchJob) as refused:
        await why(mill.app.storage, job, url)
    assert (refused.value.queue, refused.value.id) == (job.queue, job.id)
    begin, text = f"there is no job {job}: ", str(refused.value)
    assert text.startswith(begin)
    return text.removeprefix(begin)


async def test_its_queue_is_unknown(mill: Mill) -> None:
    assert await told(mill, JobRef("email", "1")) == (
        "the store sqlite:///jobs.db has no queue email; there is none, or another store (HEADRACE_URL)?"
    )
    await mill.app.queue("emails").pause()
    assert await told(mill, JobRef("email", "1")) == (
        "the store sqlite:///jobs.db has no queue email; did you mean emails, or another store (HEADRACE_URL)?"
    )
    assert "; there is emails, or another" in await told(mill, JobRef("q", "1"), "")


async def test_it_was_removed(mill: Mill) -> None:
    job = await mill.add()
    await job.remove()
    with pytest.raises(NoSuchJob) as refused:
        await job.why()
    assert str(refused.value) == (
        f"there is no job q/1: it was removed at {later()}: by hand, to another queue, or by a job with its dedup key; "
        "add it again"
    )


async def test_retention_took_it(mill: Mill) -> None:
    job = await mill.add(keep_completed=headrace.Keep(count=0))
    await mill.end(Done())
    assert await told(mill, job.ref) == (
        f"it was completed at {later()}, and retention took it; let jobs stay longer: "
        "headrace queues retain q --completed SPAN"
    )


async def test_it_is_unknown(mill: Mill) -> None:
    await mill.app.queue("q").pause()
    assert await told(mill, JobRef("q", "99"), "redis://:secret@host") == (
        "nothing in the store redis://:***@host tells of it: it never was there, or is long gone; "
        "see that queue, id and store (HEADRACE_URL) are right"
    )
