"""What `headrace doctor` says about schedules."""

from collections.abc import Callable
from typing import Any

import pytest

from headrace.core.commands import Claim, Command, Fire, PutSchedule, Source
from headrace.core.jobs import NewJob
from headrace.core.schedules import EveryTiming, Plan, ScheduleRecord
from tests.cli.project import ON_EACH, Ended, Project
from tests.cli.test_doctor import HOUR_MS, run, worker

pytestmark = ON_EACH
Call = Callable[..., Ended]
LONG_AGO = 10**12
SOON = LONG_AGO + 10**8 * HOUR_MS  # far ahead, and a slot


def put(name: str = "s", next_at: int | None = SOON, paused: Any = None, **fields: Any) -> Command[Any]:
    plan = Plan(EveryTiming(HOUR_MS), NewJob("q", "x"), **fields)
    return PutSchedule(ScheduleRecord(name, plan, 0, LONG_AGO, next_at, paused))


def told(call: Call) -> tuple[str, str, str]:
    (found,) = [one for one in call("doctor", "--json").json["checks"] if one["check"] == "schedules"]
    return found["verdict"], found["says"], found["advice"]


def test_all_is_well(call: Call, project: Project) -> None:
    run(project, worker(), put(), put("over", None), put("b"))
    assert told(call) == ("ok", "no schedule is late: 2 to fire, 1 over", "")


def test_overdue_without_a_worker(call: Call, project: Project) -> None:
    run(project, put(next_at=LONG_AGO))
    says = "schedules are overdue, and no worker is running: s"
    assert told(call) == ("fail", says, "start one: headrace worker APP")


def test_overdue_although_there_are_workers(call: Call, project: Project) -> None:
    run(project, worker(), put(next_at=LONG_AGO))
    says = "schedules are overdue, and no worker fires them: s"
    assert told(call) == ("fail", says, "read the logs of the workers")


def test_a_task_that_nobody_serves(call: Call, project: Project) -> None:
    run(project, worker(names=("y",)), put(), put("held", None))
    says = "no worker serves the tasks of schedules: s (q/x)"
    assert told(call) == ("warn", says, "start one that does, or remove them")


@pytest.mark.parametrize("paused", ["by hand", "gone"])
def test_a_paused_one(call: Call, project: Project, paused: str) -> None:
    run(project, worker(), put(next_at=LONG_AGO, paused=paused), put("over", None, paused))
    assert told(call) == ("warn", "schedules are paused: s", "headrace schedules resume s")


@pytest.mark.parametrize(
    ("overlap", "second"), [("skip", Fire("s", 2, LONG_AGO + HOUR_MS, SOON)), ("queue", None)], ids=["skip", "queue"]
)
def test_slots_that_the_job_before_holds_up(
    call: Call, project: Project, overlap: Any, second: Command[Any] | None
) -> None:
    fired = Fire("s", 1, LONG_AGO, LONG_AGO + HOUR_MS)
    claim = Claim((Source("q"),), 1, "t", 60_000, "w")
    run(project, worker(), put(next_at=LONG_AGO, overlap=overlap), fired, claim, *([second] if second else []))
    says = "slots of schedules are skipped, or wait, until the job before has finished: s for q/1"
    assert told(call) == ("warn", says, "headrace jobs why q/1")


@pytest.mark.parametrize("overlap", ["skip", "queue", "allow"])
def test_a_job_that_runs_until_the_next_slot_holds_up_nothing(call: Call, project: Project, overlap: Any) -> None:
    late = SOON - HOUR_MS
    claim = Claim((Source("q"),), 1, "t", 60_000, "w")
    run(project, worker(), put(next_at=late, overlap=overlap), Fire("s", 1, late, SOON), claim)
    assert told(call)[0] == "ok"
