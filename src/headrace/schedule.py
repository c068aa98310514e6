"""The schedules of an app: what adds jobs by the clock. The workers fire them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec.structs import replace

from headrace.call import Call
from headrace.client import Client
from headrace.core.commands import DropSchedule, Fire, PutSchedule
from headrace.core.commands import Schedules as Asked
from headrace.core.commands.schedules import SCHEDULES_MAX
from headrace.core.errors import InvalidOption, Misuse
from headrace.core.names import check_schedule
from headrace.core.schedule_errors import NoSuchSchedule, ScheduleChanged
from headrace.core.schedules import (
    CATCH_UPS,
    OVERLAPS,
    CatchUp,
    Overlap,
    Plan,
    ScheduleRecord,
    first_slot,
    next_slot,
    replan,
    resumed,
)
from headrace.engine.home import Home
from headrace.engine.sync import blocking
from headrace.job import Job
from headrace.options import flag_of, unknown_option
from headrace.schedulewhy import why_schedule
from headrace.spans import AGE_MAX_MS, COUNT_MAX, Span, count_of, span_ms
from headrace.timing import NEXT_MAX, When, instant_ms, moment, timing_of

TRIES_MAX: Final = 20  # times that a schedule is read again because somebody else has changed it

T = TypeVar("T")
Records: TypeAlias = list[ScheduleRecord]
Moments: TypeAlias = list[datetime]
Sentences: TypeAlias = list[str]


class ScheduleOptions(TypedDict, total=False):
    """What can be said of a schedule beside its time and its call."""

    start: datetime | None
    end: datetime | None
    count: int | None
    immediate: bool
    jitter: Span
    catch_up: CatchUp
    overlap: Overlap


class Schedules:
    """Schedules by name, on the store of an app."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def _home(self) -> Home:
        return self._client.home

    @blocking
    async def put(self, name: str, when: When, call: Call[Any], **options: Unpack[ScheduleOptions]) -> ScheduleRecord:
        """Add a job of this call whenever it is time; a schedule of this name gets the new plan.

        A plan with the same times goes on where it was; with other times it begins anew. A schedule that is paused
        stays so.

        `start` and `end` are the first and the last instant at which there may be a slot. `count` ends it after so many
        jobs. `immediate` adds one when it is put for the first time. `jitter` delays each job by up to so many seconds.
        `catch_up` says which slots are made up for that came while no worker was there: the `latest`, `all`, or `none`.
        `overlap` says what a slot does while the job before has not finished: `allow` adds another, `skip` does not,
        `queue` waits.

        `BadSchedule` if there would never be a slot; `InvalidOption` for what is out of bounds; `Misuse` for a flow, or
        a call with a `job_id`, which could be added only once.
        """
        return await put(self._client, check_schedule(name), plan_of(when, call, options))

    @blocking
    async def list(self) -> Records:
        """Every schedule by name."""
        found: list[ScheduleRecord] = []
        while True:
            page = await self._client.run(Asked(after=(0, found[-1].name if found else "")))
            found += page.schedules
            if len(page.schedules) < SCHEDULES_MAX:
                return found

    @blocking
    async def get(self, name: str) -> ScheduleRecord:
        """The schedule of this name; `NoSuchSchedule` if there is none."""
        return (await _read(self._client, name))[0]

    @blocking
    async def pause(self, name: str) -> None:
        """Let the schedule add nothing until it is resumed, whoever restarts."""
        await _change(self._client, name, lambda known, _: replace(known, paused="by hand"))

    @blocking
    async def resume(self, name: str) -> None:
        """Let the schedule go on with its next slot; those that came meanwhile are not made up for."""
        await _change(self._client, name, resumed)

    @blocking
    async def run(self, name: str) -> Job[Any]:
        """Add a job of the schedule now, also if it is paused or over. Its slots stay as they are."""
        known, _ = await _read(self._client, name)
        fired = await self._client.run(Fire(name, request_id=self._client.request_id()))
        assert fired.job is not None  # by hand there is always one
        job = known.plan.job
        return Job(self._client, fired.job, job.name, self._client.loader(job.queue, job.name))

    @blocking
    async def next(self, name: str, count: int = 10) -> Moments:
        """The next instants at which the schedule fires, up to `count`, in UTC; none if it is paused or over."""
        known, _ = await _read(self._client, name)
        return slots(known, count_of("count", count, 1, NEXT_MAX))

    @blocking
    async def why(self, name: str) -> Sentences:
        """Sentences that say why the schedule adds no job now, or when it fires next; the nearest reason first.

        What keeps its last job from being run is among them. `NoSuchSchedule` if there is none of this name.
        """
        known, now = await _read(self._client, name)
        return await why_schedule(self._client, known, now)

    @blocking
    async def remove(self, name: str) -> None:
        """Forget the schedule; the jobs that it has added stay. `NoSuchSchedule` if there is none."""
        await self._client.run(DropSchedule(name))


def slots(schedule: ScheduleRecord, count: int) -> Moments:
    """The next slots of a schedule that goes on as it is."""
    plan, at = schedule.plan, schedule.next_at
    left = count if plan.count is None else min(count, plan.count - schedule.fired)
    found: list[datetime] = []
    while at is not None and schedule.paused is None and len(found) < left:
        found.append(moment(at))
        at = next_slot(plan, schedule.since, at)
    return found


def plan_of(when: When, call: Call[Any], options: Mapping[str, Any], module: str | None = None) -> Plan:
    """A checked plan; see `Schedules.put`."""
    for option in options:
        if option not in ScheduleOptions.__annotations__:
            raise unknown_option(option, ScheduleOptions.__annotations__)
    if not isinstance(call, Call):
        raise Misuse(f"a schedule takes a call, not {type(call).__name__}; write task.call(…)")
    if call.children or call.followed or call.steps or call.wants:
        raise Misuse(f"a schedule adds one job, and {call.name} is a flow; let the job add the others")
    if call.choice.job_id is not None:
        raise Misuse("a schedule adds many jobs; leave out job_id, which only one of them can have")
    start, end, count = (options.get(name) for name in ("start", "end", "count"))
    plan = Plan(
        timing_of(when),
        call.new_job(),
        None if start is None else instant_ms("start", start),
        None if end is None else instant_ms("end", end),
        None if count is None else count_of("count", count, 1, COUNT_MAX),
        flag_of("immediate", options.get("immediate", False)),
        span_ms("jitter", options.get("jitter", 0), AGE_MAX_MS),
        _one_of("catch_up", options.get("catch_up", "latest"), CATCH_UPS),
        _one_of("overlap", options.get("overlap", "allow"), OVERLAPS),
        module,
    )
    if plan.start_at is not None and plan.end_at is not None and plan.end_at < plan.start_at:
        raise InvalidOption("end lies before start; exchange them")
    if plan.overlap == "queue" and plan.catch_up == "none":
        raise InvalidOption("overlap='queue' lets slots come late, and catch_up='none' drops late ones; change one")
    return plan


async def put(client: Client, name: str, plan: Plan) -> ScheduleRecord:
    """Put a plan; nothing is written if nothing changes. A schedule that was paused as gone goes on."""

    def changed(known: ScheduleRecord | None, now: int) -> ScheduleRecord:
        if known is None:
            return ScheduleRecord(name, plan, 0, now, first_slot(plan, now))
        new = replan(known, plan, now)
        return resumed(new, now) if new.paused == "gone" and plan.module is not None else new

    return await _change_any(client, name, changed)


async def declare(client: Client, plans: Mapping[str, Plan], modules: Iterable[str]) -> None:
    """Put what the code declares, and pause what one of these modules declared before and does no more."""
    for name, plan in plans.items():
        await put(client, name, plan)
    ours = {*modules} - {"__main__"}  # which is another program each time
    for known in await Schedules(client).list():
        if known.plan.module in ours and known.name not in plans and known.paused is None:
            await _change(client, known.name, lambda known, _: replace(known, paused=known.paused or "gone"))


async def _read(client: Client, name: str) -> tuple[ScheduleRecord, int]:
    page = await client.run(Asked((name,)))
    if not page.schedules:
        raise NoSuchSchedule(name=name)
    return page.schedules[0], page.now


async def _change(client: Client, name: str, change: Callable[[ScheduleRecord, int], ScheduleRecord]) -> ScheduleRecord:
    def changed(known: ScheduleRecord | None, now: int) -> ScheduleRecord:
        if known is None:
            raise NoSuchSchedule(name=name)
        return change(known, now)

    return await _change_any(client, name, changed)


async def _change_any(
    client: Client, name: str, change: Callable[[ScheduleRecord | None, int], ScheduleRecord]
) -> ScheduleRecord:
    """Read, change and put a schedule, again if somebody else has changed it in between."""
    for _ in range(TRIES_MAX):
        page = await client.run(Asked((name,)))
        known = page.schedules[0] if page.schedules else None
        new = change(known, page.now)
        if new == known:
            return new
        try:
            done = await client.run(PutSchedule(new))
        except ScheduleChanged:
            continue
        return replace(new, version=done.version)
    raise ScheduleChanged(name=name)


def _one_of(name: str, value: Any, known: tuple[T, ...]) -> T:
    if value not in known:
        raise InvalidOption(f"{name} is {value!r}; it is {', '.join(map(str, known[:-1]))} or {known[-1]}")
    return value  # type: ignore[no-any-return]
