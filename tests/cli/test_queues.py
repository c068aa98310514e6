"""`headrace queues`: what is in them, and holding them."""

import re
from collections.abc import Callable

from headrace import App, Dedup
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


def test_list_counts_by_state(call: Call, project: Project) -> None:
    project.add(queue="mail")
    project.add(queue="mail", delay=60)
    project.add(queue="post")
    rows = [line.split() for line in call("queues", "list").out.splitlines()]
    assert all(re.fullmatch(r"\d+m?s", row.pop()) for row in rows[1:])
    assert rows == [
        ["QUEUE", "PAUSED", "WAIT", "PRIO", "DELAY", "ACTIVE", "CHILD", "DONE", "FAILED", "OLDEST"],
        ["mail", "-", "1", "0", "1", "0", "0", "0", "0"],
        ["post", "-", "1", "0", "0", "0", "0", "0", "0"],
    ]
    listed = call("queues", "list", "--json").json["queues"]
    assert [(queue["name"], queue["counts"]["delayed"], queue["is_paused"]) for queue in listed] == [
        ("mail", 1, False),
        ("post", 0, False),
    ]


def test_pause_and_resume_take_several(call: Call, project: Project) -> None:
    project.add(queue="mail")
    project.add(queue="post")
    assert call("queues", "pause", "mail", "post").out == "mail paused\npost paused\n"
    assert [line.split()[1] for line in call("queues", "list").out.splitlines()] == ["PAUSED", "paused", "paused"]
    assert call("jobs", "why", "post/1").out.splitlines()[0].startswith("the queue post is paused; ")
    assert call("queues", "resume", "mail", "--json").json == {"resumed": ["mail"]}
    assert call("queues", "show", "mail", "--json").json["is_paused"] is False


def test_a_slip_of_the_pen_makes_no_queue(call: Call, project: Project) -> None:
    project.add(queue="mail")
    done = call("queues", "pause", "mail", "mial")
    assert (done.code, done.out) == (3, "")
    assert done.err == "headrace: there is no queue 'mial'; did you mean mail? (no-such-queue)\n"
    assert [queue["name"] for queue in call("queues", "list", "--json").json["queues"]] == ["mail"]
    assert call("queues", "show", "mail", "--json").json["is_paused"] is False


def test_show_tells_who_serves_it(call: Call, project: Project) -> None:
    project.add(queue="mail")
    shown = call("queues", "show", "mail").out.splitlines()
    assert re.fullmatch(r"oldest            \d+m?s", shown.pop(-2))
    assert shown == [
        "queue             mail",
        "paused            no",
        "waiting           1",
        "prioritized       0",
        "delayed           0",
        "active            0",
        "waiting-children  0",
        "completed         0",
        "failed            0",
        "worker            none serves it",
    ]
    found = call("queues", "show", "mail", "--json").json
    assert found["workers"] == []
    assert (found["stats"]["rates"], found["stats"]["failed_share"]) == ({"1": 0.0, "5": 0.0, "15": 0.0}, None)
    assert found["stats"]["oldest"] >= 0


def test_show_draws_the_last_hour_and_what_each_task_did(call: Call, project: Project) -> None:
    async def act(app: App) -> None:
        greet, fail = app.tasks["greet"], app.tasks["fail"]
        await app.enqueue_many([*(greet.call() for _ in range(3)), fail.call("no").options(attempts=1)])

    project.work(act)
    shown = call("queues", "show", "mail").out.splitlines()
    assert max(map(len, shown)) <= 80
    (hour,) = [line.split()[-1] for line in shown if line.startswith("last hour")]
    assert len(hour) == 60
    assert set(hour) <= {"·", *"▁▂▃▄▅▆▇█"}
    assert "█" in hour[-2:]
    assert "failed of them    25.0%" in shown
    (rates,) = [line for line in shown if line.startswith("jobs a minute")]
    assert re.fullmatch(r"jobs a minute     [\d.]+ in 1 min, [\d.]+ in 5 min, [\d.]+ in 15 min", rates)
    table = [line.split() for line in shown[shown.index("") + 1 :]]
    assert table[0] == ["TASK", "DONE", "FAILED", "WAIT", "p50", "p95", "RUN", "p50", "p95"]
    assert [row[:3] for row in table[1:]] == [["greet", "3", "0"], ["fail", "0", "1"]]
    tallies = call("queues", "show", "mail", "--json").json["tallies"]
    assert {tally["name"] for tally in tallies} == {"greet", "fail"}
    assert sum(tally["completed"] for tally in tallies) == 3


def test_a_dedup_key_is_forgotten(call: Call, project: Project) -> None:
    dedup = Dedup("a.png", ttl=60)
    project.add(queue="mail", dedup=dedup)
    assert "dedup     a.png, for 60 s" in call("jobs", "show", "mail/1").out
    assert call("jobs", "show", "mail/1", "--json").json["options"]["dedup"] == {"key": "a.png", "ttl_ms": 60_000}
    assert call("queues", "forget-dedup", "mail", "a.png").out == "a.png forgotten; mail/1 had it\n"
    done = call("queues", "forget-dedup", "mail", "a.png")
    assert (done.code, done.out, done.err) == (3, "", "headrace: no job of mail has the dedup key 'a.png'\n")
    assert call("queues", "forget-dedup", "mail", "a.png", "--json").json["job"] is None
    assert call("queues", "forget-dedup", "mial", "a.png").code == 3


def test_who_has_a_dedup_key_is_shown(call: Call, project: Project) -> None:
    project.add(queue="mail", dedup=Dedup("a.png"))
    project.add(queue="mail", dedup=Dedup("b.png", ttl=60))
    project.add(queue="mail", dedup=Dedup("c.png", forever=True))
    assert call("queues", "dedup", "mail", "a.png").out == "mail/1 has a.png until it has finished\n"
    assert re.fullmatch(r"mail/2 has b\.png until \S+.*\n", call("queues", "dedup", "mail", "b.png").out)
    assert call("queues", "dedup", "mail", "c.png").out == "mail/3 has c.png for ever\n"
    found = call("queues", "dedup", "mail", "b.png", "--json").json
    assert found["expires_at"] > 0
    del found["expires_at"]
    assert found == {"queue": "mail", "dedup": "b.png", "job": "mail/2", "is_forever": False, "is_kept": False}
    done = call("queues", "dedup", "mail", "x.png")
    assert (done.code, done.out, done.err) == (3, "", "headrace: no job of mail has the dedup key 'x.png'\n")
    nobody = call("queues", "dedup", "mail", "x.png", "--json")
    assert (nobody.code, nobody.json["job"], nobody.json["expires_at"]) == (3, None, None)
    assert call("queues", "dedup", "mial", "a.png").code == 3


def test_retain_says_what_stays(call: Call, project: Project) -> None:
    project.add(queue="mail")
    done = call("queues", "retain", "mail", "--completed", "12h", "--failed", "forever", "--failed-count", "9")
    assert done.out == "mail: completed for 12h; failed the newest 9\n"
    assert "keeps             completed for 12h; failed the newest 9\n" in call("queues", "show", "mail").out
    kept = call("queues", "retain", "mail", "--failed", "forever", "--json").json
    assert kept == {"queue": "mail", "keep": {"completed": {"age_ms": 43_200_000}, "failed": {}}}
    both = call("queues", "retain", "mail", "--failed", "default", "--completed", "default")
    assert both.out == "mail: as in the settings\n"


def test_retain_wants_something_it_can_mean(call: Call, project: Project) -> None:
    project.add(queue="mail")
    for tokens, message in (
        (("mail",), "give one of --completed"),
        (("mail", "--failed", "soon"), "--failed 'soon' is no span"),
        (("mail", "--failed", "default", "--failed-count", "1"), "give one of them"),
        (("mail", "--failed-count", "-1"), "count is -1"),
    ):
        done = call("queues", "retain", *tokens)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    assert call("queues", "retain", "mial", "--failed", "1h").code == 3
