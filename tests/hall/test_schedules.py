"""Schedules as users hold them: put, listed, paused, resumed, run, removed, and declared by tasks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import headrace
from headrace.core.jobs import JobRef
from headrace.errors import BadSchedule, InvalidName, InvalidOption, Misuse, NoSuchSchedule
from headrace.testing import Bench


@pytest.fixture(params=["memory", "sqlite"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/headrace.db"
    async with Bench(headrace.App("memory://"), url) as made:
        made.clock.now = ms(datetime(2026, 3, 28, 12, tzinfo=UTC))
        yield made


def ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def reporter(app: headrace.App) -> tuple[headrace.Task[[str], None], list[Any]]:
    told: list[Any] = []

    @app.task
    def report(day: str) -> None:
        slot = headrace.context().slot
        told.append((day, slot and (slot.schedule, slot.at)))

    return report, told


async def test_a_schedule_adds_its_job_at_each_slot_and_the_handler_sees_which(bench: Bench) -> None:
    app, (report, told) = bench.app, reporter(bench.app)
    await app.schedules.put("nightly", headrace.Cron("0 3 * * *", tz="Europe/Berlin"), report.call(day="yesterday"))
    assert await bench.run_until_idle() == 0
    for _ in range(2):
        bench.clock.tick(timedelta(days=1))
        assert await bench.run_until_idle() == 1
    slots = [ms(at(29, 1)), ms(at(30, 1))]
    assert told == [("yesterday", ("nightly", slot)) for slot in slots]


async def test_next_shows_what_comes(bench: Bench) -> None:
    schedules, report = bench.app.schedules, reporter(bench.app)[0]
    await schedules.put("n", headrace.Cron("30 2 * * *", tz="Europe/Berlin"), report.call("x"))
    assert await schedules.next("n", 3) == [at(29, 1), at(30, 0, 30), at(31, 0, 30)]
    await schedules.put("few", headrace.Every(3600), report.call("x"), count=2)
    assert await schedules.next("few") == [at(28, 13), at(28, 14)]
    await schedules.pause("n")
    assert await schedules.next("n") == []
    with pytest.raises(InvalidOption, match="count is 0"):
        await schedules.next("n", 0)


async def test_to_put_the_same_again_changes_nothing(bench: Bench) -> None:
    schedules, report = bench.app.schedules, reporter(bench.app)[0]
    first = await schedules.put("s", headrace.Every(60), report.call("x"), jitter=5)
    bench.clock.tick(45)
    assert await schedules.put("s", headrace.Every(60), report.call("x"), jitter=5) == first
    other = await schedules.put("s", headrace.Every(60), report.call("y"))
    assert (other.next_at, other.version) == (first.next_at, first.version + 1)
    assert (await schedules.put("s", headrace.Every(90), report.call("y"))).next_at == bench.clock.now + 90_000


async def test_pause_holds_and_resume_makes_up_for_nothing(bench: Bench) -> None:
    schedules, (report, told) = bench.app.schedules, reporter(bench.app)
    await schedules.put("s", headrace.Every(60), report.call("x"), catch_up="all")
    await schedules.pause("s")
    await schedules.pause("s")
    bench.clock.tick(600)
    assert await bench.run_until_idle() == 0
    await schedules.put("s", headrace.Every(60), report.call("z"), catch_up="all")
    assert (await schedules.get("s")).paused == "by hand"
    await schedules.resume("s")
    assert await bench.run_until_idle() == 0
    bench.clock.tick(60)
    assert await bench.run_until_idle() == 1
    assert [day for day, _ in told] == ["z"]


async def test_run_adds_a_job_now_and_moves_no_slot(bench: Bench) -> None:
    schedules, (report, told) = bench.app.schedules, reporter(bench.app)
    await schedules.put("s", headrace.Every(60), report.call("x"))
    await schedules.pause("s")
    before = await schedules.get("s")
    job = await schedules.run("s")
    assert (job.name, await job.state()) == ("report", "waiting")
    await bench.run_until_idle()
    assert told == [("x", ("s", bench.clock.now))]
    after = await schedules.get("s")
    assert (after.next_at, after.fired, after.job) == (before.next_at, 0, job.ref)


async def test_list_has_all_by_name_and_remove_forgets_one(bench: Bench) -> None:
    schedules, report = bench.app.schedules, reporter(bench.app)[0]
    for name in ("b", "a", "c"):
        await schedules.put(name, headrace.Every(60), report.call(name))
    await schedules.remove("b")
    assert [one.name for one in await schedules.list()] == ["a", "c"]


@pytest.mark.parametrize("verb", ["get", "pause", "resume", "run", "next", "remove"])
async def test_a_schedule_that_is_not_there_is_an_error(bench: Bench, verb: str) -> None:
    with pytest.raises(NoSuchSchedule, match="there is no schedule 'nobody'"):
        await getattr(bench.app.schedules, verb)("nobody")


async def test_immediate_start_end_and_count(bench: Bench) -> None:
    schedules, (report, told) = bench.app.schedules, reporter(bench.app)
    await schedules.put("now", headrace.Every(3600), report.call("now"), immediate=True, count=1)
    await schedules.put("later", headrace.Every(3600), report.call("later"), start=at(28, 14), end=at(28, 15))
    assert await bench.run_until_idle() == 1
    for _ in range(5):
        bench.clock.tick(3600)
        await bench.run_until_idle()
    assert [day for day, _ in told] == ["now", "later", "later"]
    assert [one.next_at for one in await schedules.list()] == [None, None]


def test_without_a_loop_all_of_it_blocks(tmp_path: Path) -> None:
    with headrace.App(f"sqlite:///{tmp_path}/headrace.db") as app:
        report, _ = reporter(app)
        app.schedules.put.sync("s", headrace.Every(60), report.call("x"))
        assert [one.name for one in app.schedules.list.sync()] == ["s"]
        assert app.schedules.run.sync("s").ref == JobRef("default", "1")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jitter": -1}, "jitter is -1 s"),
        ({"jitter": float("nan")}, "jitter is nan"),
        ({"count": 0}, "count is 0"),
        ({"count": 1.5}, "count is float"),
        ({"immediate": "no"}, "immediate is str; it is True or False"),
        ({"catch_up": "some"}, "catch_up is 'some'; it is latest, all or none"),
        ({"overlap": "maybe"}, "overlap is 'maybe'; it is allow, skip or queue"),
        ({"start": datetime(2026, 1, 1)}, "start has no time zone"),  # noqa: DTZ001
        ({"start": "tomorrow"}, "start is str"),
        ({"end": datetime(9999, 1, 1, tzinfo=timezone.utc)}, "end is in the year 9999"),  # noqa: UP017
        ({"start": at(29, 1), "end": at(28, 23)}, "end lies before start"),
        ({"overlap": "queue", "catch_up": "none"}, "drops late ones"),
        ({"jiter": 1}, "did you mean jitter?"),
    ],
)
async def test_options_that_make_no_sense_are_refused_and_nothing_is_put(bench: Bench, options: Any, says: str) -> None:
    report = reporter(bench.app)[0]
    with pytest.raises(InvalidOption, match=says.replace("?", r"\?")):
        await bench.app.schedules.put("s", headrace.Every(60), report.call("x"), **options)
    assert await bench.app.schedules.list() == []


@pytest.mark.parametrize("span", [0, -5, 0.5, float("inf"), timedelta(days=9999), True, "60", None])
def test_absurd_spans_are_refused(span: Any) -> None:
    with pytest.raises(InvalidOption, match="every is"):
        headrace.Every(span)


@pytest.mark.parametrize(
    ("text", "tz", "says"),
    [
        ("0 0 31 2 *", "UTC", "bad day-of-month"),
        ("every day", "UTC", "five fields"),
        ("0 3 * * *", "Europe/Berln", "did you mean Europe/Berlin"),
        ("0 3 * * *", "???", "no time zone"),
        ("0 0 30 2 0#5", "UTC", None),
    ],
)
def test_an_impossible_cron_and_an_unknown_zone_are_refused(text: str, tz: str, says: str | None) -> None:
    if says is None:
        headrace.Cron(text, tz=tz)
        return
    with pytest.raises(BadSchedule, match=says):
        headrace.Cron(text, tz=tz)


async def test_what_cannot_be_added_again_and_again_is_refused(bench: Bench) -> None:
    put, report = bench.app.schedules.put, reporter(bench.app)[0]
    with pytest.raises(Misuse, match="leave out job_id"):
        await put("s", headrace.Every(60), report.call("x").options(job_id="one"))
    with pytest.raises(Misuse, match="is a flow"):
        await put("s", headrace.Every(60), report.call("x").after(report.call("y")))
    with pytest.raises(Misuse, match="takes a call"):
        await put("s", headrace.Every(60), report)  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match=r"use headrace\.Cron"):
        await put("s", "* * * * *", report.call("x"))  # type: ignore[arg-type]
    with pytest.raises(BadSchedule, match="ends before its first slot"):
        await put("s", headrace.Every(60), report.call("x"), end=at(28, 12))
    with pytest.raises(InvalidName, match="control characters"):
        await put("a\n", headrace.Every(60), report.call("x"))


async def test_a_task_with_a_time_has_a_schedule_when_a_worker_starts(bench: Bench) -> None:
    told: list[str] = []

    @bench.app.task(every=60)
    def pulse(who: str = "me") -> None:
        told.append(who)

    @bench.app.task(cron=headrace.Cron("@hourly", tz="Asia/Kolkata"))
    async def tidy() -> None:
        told.append("tidy")

    assert await bench.app.schedules.list() == []
    await bench.run_until_idle()
    assert [one.name for one in await bench.app.schedules.list()] == ["pulse", "tidy"]
    bench.clock.tick(1800)
    assert await bench.run_until_idle() == 2
    assert sorted(told) == ["me", "tidy"]


async def test_what_the_code_declares_no_more_is_paused_until_it_comes_back(bench: Bench) -> None:
    app = bench.app

    def pulse() -> None: ...

    @app.task
    def other() -> None: ...

    await app.schedules.put("put", headrace.Every(60), other.call())
    app.task(every=60)(pulse)
    await bench.run_until_idle()
    app.task(pulse)
    await bench.run_until_idle()
    assert [(one.name, one.paused) for one in await app.schedules.list()] == [("pulse", "gone"), ("put", None)]
    bench.clock.tick(600)
    app.task(every=60)(pulse)
    await bench.run_until_idle()
    again = await app.schedules.get("pulse")
    assert (again.paused, again.next_at) == (None, bench.clock.now + 60_000)
    await app.schedules.pause("pulse")
    await bench.run_until_idle()
    assert (await app.schedules.get("pulse")).paused == "by hand"


async def test_schedules_of_other_modules_are_left_alone(bench: Bench) -> None:
    def pulse() -> None: ...

    def other() -> None: ...

    bench.app.task(every=60)(pulse)
    await bench.run_until_idle()
    elsewhere = headrace.App("memory://")
    other.__module__ = "elsewhere"
    elsewhere.task(other)
    elsewhere.use_store(lambda: bench.app.storage)
    await elsewhere.worker().run_until_idle()
    assert (await bench.app.schedules.get("pulse")).paused is None


def test_a_task_with_a_time_takes_no_required_arguments() -> None:
    app = headrace.App("memory://")

    def report(day: str) -> None: ...

    with pytest.raises(Misuse, match="missing required field `day`"):
        app.task(every=60)(report)
    with pytest.raises(InvalidOption, match="has cron and every"):
        app.task(cron="@daily", every=60)(report)
    with pytest.raises(BadSchedule, match="five fields"):
        app.task(cron="daily")(lambda_free)
    assert app.tasks == {}


def lambda_free() -> None: ...


def test_cron_tells_its_times_without_a_store() -> None:
    cron = headrace.Cron("0 12 * * fri")
    assert cron.next(2, after=at(28, 12)) == [
        datetime(2026, 4, 3, 12, tzinfo=UTC),
        datetime(2026, 4, 10, 12, tzinfo=UTC),
    ]
    with pytest.raises(InvalidOption, match="after has no time zone"):
        cron.next(after=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_the_slot_of_a_job_that_no_schedule_added_is_none(bench: Bench) -> None:
    report, told = reporter(bench.app)
    job = await report.enqueue("x")
    assert job.ref == JobRef("default", "1")
    await bench.run_until_idle()
    assert told == [("x", None)]


async def test_a_flow_cannot_be_scheduled(bench: Bench) -> None:
    app, (report, _) = bench.app, reporter(bench.app)
    existing = await report.enqueue("before")
    plain = report.call(day="now")
    flows = (
        plain.after(report.call(day="child")),
        plain.after(existing),
        plain.finally_(report.call(day="end")),
        plain.on_failure(report.call(day="mail")),
    )
    for flow in flows:
        with pytest.raises(Misuse, match="report is a flow"):
            await app.schedules.put("nightly", headrace.Every(60), flow)
    assert await app.schedules.list() == []
