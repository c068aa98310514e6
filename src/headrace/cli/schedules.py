"""`headrace schedules`: what adds jobs by the clock."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeAlias

from cyclopts import Parameter
from msgspec import structs

from headrace.app import App
from headrace.cli import output
from headrace.cli.failure import meant, say
from headrace.cli.options import SHOWN, Shown, noun, whole
from headrace.cli.store import opened
from headrace.cli.text import instant, span
from headrace.core.schedule_errors import NoSuchSchedule
from headrace.core.schedules import CronTiming, Plan, ScheduleRecord
from headrace.schedule import Schedules

app = noun("schedules", "See and hold what adds jobs by the clock.")

TITLES = ("SCHEDULE", "WHEN", "TASK", "NEXT", "FIRED")
Name: TypeAlias = Annotated[str, Parameter(name="SCHEDULE", help="Its name.")]
Names: TypeAlias = Annotated[list[str], Parameter(name="SCHEDULE", help="One or more.")]


@app.command(name="list")
async def list_(*, common: Shown = SHOWN) -> None:
    """List the schedules, with when each fires next.

    Example: headrace schedules list
    """
    async with opened(common) as store:
        schedules = await store.schedules.list()
    if common.json:
        output.document({"schedules": [structs.asdict(one) for one in schedules]})
    elif schedules:
        output.table(TITLES, (_row(one) for one in schedules))
    else:
        say("there are no schedules yet")


@app.command
async def show(schedule: Name, /, *, common: Shown = SHOWN) -> None:
    """Show a schedule: its plan, why it adds no job now, its last slot and its last job.

    Example: headrace schedules show nightly
    """
    async with opened(common) as store:
        (found,) = await _known(store, [schedule])
        why = await store.schedules.why(schedule)
    if common.json:
        output.document(structs.asdict(found) | {"why": why})
        return
    plan = found.plan
    bounds = (("start", instant(plan.start_at)), ("end", instant(plan.end_at)), ("count", str(plan.count or "-")))
    lines = [
        ("schedule", found.name),
        ("when", _when(plan)),
        ("next", _next(found)),
        ("why", "\n".join(why)),
        *((name, value) for name, value in bounds if value != "-"),
        ("catch up", plan.catch_up),
        ("overlap", plan.overlap),
        *([("jitter", span(plan.jitter_ms))] if plan.jitter_ms else []),
        *([("declared in", plan.module)] if plan.module else []),
        ("task", f"{plan.job.queue}/{plan.job.name}"),
        ("data", plan.job.data),
        ("fired", str(found.fired)),
        ("skipped", str(found.skipped)),
        ("last slot", instant(found.slot_at)),
        ("last job", str(found.job or "-")),
    ]
    output.pairs(lines)


@app.command(name="next")
async def next_(
    schedule: Name,
    /,
    *,
    count: Annotated[int, Parameter(converter=whole, name=("--count", "-n"), metavar="N", help="How many.")] = 10,
    common: Shown = SHOWN,
) -> None:
    """Print the next instants at which a schedule fires, in UTC.

    Example: headrace schedules next nightly -n 3
    """
    async with opened(common) as store:
        (found,) = await _known(store, [schedule])
        slots = await store.schedules.next(schedule, count)
    if common.json:
        output.document({"next": [slot.isoformat() for slot in slots]})
    elif not slots:
        say(f"{found.name} is {'over' if found.paused is None else 'paused'}")
    for slot in slots if not common.json else ():
        output.line(instant(round(slot.timestamp() * 1000)))


@app.command
async def run(schedule: Name, /, *, common: Shown = SHOWN) -> None:
    """Add a job of a schedule now, also if it is paused, and print its QUEUE/ID.

    Example: headrace schedules run nightly
    """
    async with opened(common) as store:
        await _known(store, [schedule])
        job = await store.schedules.run(schedule)
    if common.json:
        output.document({"queue": job.ref.queue, "id": job.ref.id})
    else:
        output.line(str(job.ref))


@app.command
async def pause(schedules: Names, /, *, common: Shown = SHOWN) -> None:
    """Let these schedules add nothing until they are resumed.

    Example: headrace schedules pause nightly
    """
    await _each(schedules, common, "paused", lambda known: known.pause)


@app.command
async def resume(schedules: Names, /, *, common: Shown = SHOWN) -> None:
    """Let these schedules go on, with their next slots.

    Example: headrace schedules resume nightly
    """
    await _each(schedules, common, "resumed", lambda known: known.resume)


@app.command
async def remove(schedules: Names, /, *, common: Shown = SHOWN) -> None:
    """Forget these schedules; the jobs that they have added stay.

    Example: headrace schedules remove nightly
    """
    await _each(schedules, common, "removed", lambda known: known.remove)


async def _known(store: App, names: Sequence[str]) -> list[ScheduleRecord]:
    """These schedules; `NoSuchSchedule`, with a suggestion, for one that is not there."""
    known = {one.name: one for one in await store.schedules.list()}
    for name in names:
        if name not in known:
            raise NoSuchSchedule(f"there is no schedule {name!r}{meant(name, known)}", name=name)
    return [known[name] for name in names]


async def _each(
    names: Sequence[str], common: Shown, word: str, deed: Callable[[Schedules], Callable[[str], Awaitable[object]]]
) -> None:
    """Do it to each, if all are there, and say so."""
    async with opened(common) as store:
        await _known(store, names)
        for name in names:
            await deed(store.schedules)(name)
    if common.json:
        output.document({word: list(names)})
    for name in names if not common.json else ():
        output.line(f"{name} {word}")


def _row(schedule: ScheduleRecord) -> list[str]:
    return [schedule.name, _when(schedule.plan), schedule.plan.job.name, _next(schedule), str(schedule.fired)]


def _when(plan: Plan) -> str:
    timing = plan.timing
    if isinstance(timing, CronTiming):
        return timing.text if timing.zone == "UTC" else f"{timing.text} {timing.zone}"
    return f"every {timing.every_ms / 1000:g} s"


def _next(schedule: ScheduleRecord) -> str:
    if schedule.paused is not None:
        return "paused" if schedule.paused == "by hand" else "paused, gone from the code"
    return "over" if schedule.next_at is None else instant(schedule.next_at)
