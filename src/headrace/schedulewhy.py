"""Why does this schedule add no job? Sentences, the nearest reason first."""

from collections.abc import Iterator

from headrace.client import Client
from headrace.core.checks import LATE_MS
from headrace.core.commands import Get, Workers
from headrace.core.jobs import FINISHED, JobRecord, JobRef
from headrace.core.schedules import ScheduleRecord
from headrace.core.signs.facts import Facts
from headrace.core.signs.workers import WORKERS
from headrace.timing import moment
from headrace.why import why


async def why_schedule(client: Client, schedule: ScheduleRecord, now: int) -> list[str]:
    """What keeps the schedule from adding jobs, and these from being run; else when it fires next."""
    if schedule.next_at is None:
        return [_over(schedule)]
    if schedule.paused is not None:
        return [_paused(schedule)]
    last = await _unfinished(client, schedule)
    workers = (await client.run(Workers())).workers
    facts = Facts(now, _added(schedule, now), {}, workers)
    due = _due(schedule, schedule.next_at, now, last, is_alone=not workers)
    sentences = [*due, *(sentence for sign in WORKERS for sentence in sign(facts))]
    if last is not None:
        nearest = (await why(await client.open(), last, client.settings.url))[0]
        sentences += [*_overlaps(schedule, last), f"its last job {last} has not finished: {nearest}"]
    return sentences


def _over(schedule: ScheduleRecord) -> str:
    plan = schedule.plan
    if plan.count is not None and schedule.fired >= plan.count:
        return f"it is over: it has added {schedule.fired} of {plan.count} jobs"
    if plan.end_at is not None:
        return f"it is over: no slot is left before its end at {_time(plan.end_at)}"
    return "it is over: no slot is left"


def _paused(schedule: ScheduleRecord) -> str:
    if schedule.paused == "gone":
        return f"it is paused, because {schedule.plan.module} declares it no more"
    return "it is paused until somebody resumes it"


def _added(schedule: ScheduleRecord, now: int) -> JobRecord:
    """Its next job, as if it had just been added."""
    job = schedule.plan.job
    return JobRecord(
        job.queue, "", job.name, "waiting", data=job.data, options=job.options, priority=job.priority, added_at=now
    )


async def _unfinished(client: Client, schedule: ScheduleRecord) -> JobRef | None:
    """Its last job, if that is there and is still to be done."""
    if schedule.job is None:
        return None
    (job,) = (await client.run(Get((schedule.job,)))).jobs
    return None if job is None or job.state in FINISHED else schedule.job


def _due(schedule: ScheduleRecord, slot: int, now: int, last: JobRef | None, *, is_alone: bool) -> Iterator[str]:
    if slot > now:
        yield f"it fires next at {_time(slot)}"
    elif last is not None and schedule.plan.overlap == "queue":
        yield f"its slot of {_time(slot)} waits until its last job has finished"
    elif is_alone or now - slot <= LATE_MS:
        yield f"its slot of {_time(slot)} has come, and fires as soon as a worker sees it"
    else:
        yield f"its slot of {_time(slot)} has come, and no worker fires it; their logs say why"


def _overlaps(schedule: ScheduleRecord, last: JobRef) -> Iterator[str]:
    if schedule.plan.overlap == "skip":
        yield f"slots that come before {last} has finished are skipped; skipped until now: {schedule.skipped}"


def _time(at: int) -> str:
    return f"{moment(at):%Y-%m-%d %H:%M:%S} UTC"
