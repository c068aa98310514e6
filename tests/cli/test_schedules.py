"""`headrace schedules`: what adds jobs by the clock."""

from collections.abc import Callable

import headrace
from headrace import App
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


def put(project: Project, *names: str) -> None:
    async def act(app: App) -> None:
        call = app.queue("mail").call("greet", {"name": "Ada"})
        for name in names:
            cron = headrace.Cron("0 3 1 1 *", tz="Europe/Berlin")
            await app.schedules.put(name, cron, call, overlap="skip", jitter=90)

    project.work(act)


def test_list_shows_when_each_fires_next(call: Call, project: Project) -> None:
    project.add(queue="mail")
    assert call("schedules", "list").err == "headrace: there are no schedules yet\n"
    put(project, "yearly")
    head, row = call("schedules", "list").out.splitlines()
    assert head.split() == ["SCHEDULE", "WHEN", "TASK", "NEXT", "FIRED"]
    assert row.startswith("yearly    0 3 1 1 * Europe/Berlin  greet  20")
    assert row.endswith("-01-01 02:00:00 UTC      0")
    (listed,) = call("schedules", "list", "--json").json["schedules"]
    assert (listed["name"], listed["plan"]["timing"]["zone"]) == ("yearly", "Europe/Berlin")


def test_show_tells_the_plan_and_what_became_of_it(call: Call, project: Project) -> None:
    put(project, "yearly")
    lines = [line.split(maxsplit=1) for line in call("schedules", "show", "yearly").out.splitlines()]
    assert ["jitter", "1m"] in lines
    assert ["overlap", "skip"] in lines
    assert ["task", "mail/greet"] in lines
    assert ["data", '{"name":"Ada"}'] in lines
    assert call("schedules", "show", "yearly", "--json").json["fired"] == 0


def test_show_says_why_it_adds_no_job(call: Call, project: Project) -> None:
    put(project, "yearly")
    shown = call("schedules", "show", "yearly")
    assert "-01-01 02:00:00 UTC\n           no worker is running; start one: headrace worker APP\n" in shown.out
    call("schedules", "pause", "yearly")
    assert "why        it is paused until somebody resumes it\n" in call("schedules", "show", "yearly").out
    assert call("schedules", "show", "yearly", "--json").json["why"] == ["it is paused until somebody resumes it"]


def test_next_prints_slots(call: Call, project: Project) -> None:
    put(project, "yearly")
    lines = call("schedules", "next", "yearly", "-n", "2").out.splitlines()
    assert [line[4:] for line in lines] == ["-01-01 02:00:00 UTC"] * 2
    assert len(call("schedules", "next", "yearly", "--json").json["next"]) == 10
    assert call("schedules", "next", "yearly", "-n", "0").code == 2


def test_pause_resume_and_run(call: Call, project: Project) -> None:
    put(project, "a", "b")
    assert call("schedules", "pause", "a", "b").out == "a paused\nb paused\n"
    assert "paused" in call("schedules", "list").out
    assert call("schedules", "next", "a").err == "headrace: a is paused\n"
    assert call("schedules", "resume", "a", "--json").json == {"resumed": ["a"]}
    assert call("schedules", "run", "b").out == "mail/1\n"
    assert call("jobs", "show", "mail/1").code == 0
    assert call("schedules", "run", "b", "--json").json == {"queue": "mail", "id": "2"}


def test_remove_forgets_all_or_none(call: Call, project: Project) -> None:
    put(project, "nightly", "weekly")
    done = call("schedules", "remove", "weekly", "nihgtly")
    assert (done.code, done.out) == (3, "")
    assert done.err == "headrace: there is no schedule 'nihgtly'; did you mean nightly? (no-such-schedule)\n"
    assert call("schedules", "remove", "weekly").out == "weekly removed\n"
    assert [one["name"] for one in call("schedules", "list", "--json").json["schedules"]] == ["nightly"]
