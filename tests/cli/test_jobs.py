"""`headrace jobs`: list, show, why, logs, and moving several at once."""

from collections.abc import Callable
from typing import Any

import pytest

from headrace import App
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


@pytest.fixture
def worked(project: Project) -> Project:
    """Two jobs that are done and one that has failed, in mail; one that waits and one that is delayed, in post."""

    async def act(app: App) -> None:
        await app.enqueue_many([app.queue("mail").call("greet", {"name": name}) for name in ("Ada", "Bob")])
        await app.queue("mail").add("fail", {"reason": "it \x1b[31mrains\x9b"}, attempts=2)
        await app.queue("post").add("elsewhere", {"text": "\x1b]0;owned\x07 \u202eback"})
        await app.queue("post").add("elsewhere", delay=3600)

    project.work(act)
    return project


def test_list_shows_what_needs_eyes_first(call: Call, worked: Project) -> None:
    done = call("jobs", "list")
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["JOB", "NAME", "STATE", "TRIES", "SINCE"]
    assert [row[:4] for row in rows[1:]] == [
        ["mail/3", "fail", "failed", "2/2"],
        ["mail/2", "greet", "completed", "1/1"],
        ["mail/1", "greet", "completed", "1/1"],
        ["post/1", "elsewhere", "waiting", "0/1"],
        ["post/2", "elsewhere", "delayed", "0/1"],
    ]
    assert rows[-1][4:] == ["in", "59m"]
    assert done.err == ""


def test_list_can_be_narrowed(call: Call, worked: Project) -> None:
    assert jobs(call("jobs", "list", "mail", "failed", "--json")) == ["mail/3"]
    assert jobs(call("jobs", "list", "state:failed,delayed", "--json")) == ["mail/3", "post/2"]
    none = call("jobs", "list", "post", "failed")
    assert (none.code, none.out, none.err) == (0, "", "headrace: there are no such jobs\n")
    wrong = call("jobs", "list", "mial")
    assert (wrong.code, wrong.err) == (3, "headrace: there is no queue 'mial'; did you mean mail? (no-such-queue)\n")
    assert call("jobs", "list", "state:done").code == 2
    assert call("jobs", "list", "--limit", "0").code == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_pages_go_on_where_the_one_before_has_ended(call: Call, worked: Project, limit: int) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = call("jobs", "list", "--limit", str(limit), "--json", *(("--after", after) if after else ())).json
        assert len(page["jobs"]) <= limit
        seen += [job["job"] for job in page["jobs"]]
        after = page["after"]
        if after is None:
            break
    assert seen == ["mail/3", "mail/2", "mail/1", "post/1", "post/2"]
    assert call("jobs", "list", "--after", "mail").code == 2


def test_a_page_says_how_to_go_on(call: Call, worked: Project) -> None:
    done = call("jobs", "list", "mail", "--limit", "2")
    hint = done.err.strip().removeprefix("headrace: there may be more: --after ").strip("'")
    assert call("jobs", "list", "mail", "--after", hint).out.splitlines()[1].startswith("mail/1")


def test_show_tells_all_with_every_attempt(call: Call, worked: Project) -> None:
    out = call("jobs", "show", "mail/3").out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("attempt ")] == [
        ["attempt", "1"],
        ["attempt", "2"],
    ]
    assert "Traceback" in out
    record = call("jobs", "show", "mail/3", "--json").json
    assert (record["job"], record["state"], record["attempts_made"]) == ("mail/3", "failed", 2)
    assert [failure["attempt"] for failure in record["failures"]] == [1, 2]
    assert record["data"] == {"reason": "it \x1b[31mrains\x9b"}
    assert call("jobs", "show", "mail/1", "--json").json["result"] == "hello Ada"


def test_what_steers_a_terminal_is_never_sent_to_one(call: Call, worked: Project) -> None:
    for tokens in (("list",), ("show", "mail/3"), ("show", "post/1"), ("why", "mail/3"), ("list", "--json")):
        done = call("jobs", *tokens)
        odd = [sign for sign in done.out if ord(sign) < 0x20 and sign != "\n"]
        odd += [sign for sign in done.out if sign in "\x7f\x9b\u202e"]
        assert odd == [], tokens
    assert "it \\x1b[31mrains\\x9b" in call("jobs", "why", "mail/3").out


def test_why_gives_sentences(call: Call, worked: Project) -> None:
    sentences = ["no worker is running; start one: headrace worker APP", "it is next"]
    assert call("jobs", "why", "post/1").out.splitlines() == sentences
    answer = call("jobs", "why", "post/1", "--json").json
    assert answer == {"job": "post/1", "why": sentences}


def test_why_says_what_is_known_of_a_job_that_is_not_there(call: Call, worked: Project) -> None:
    done = call("jobs", "why", "mial/1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"headrace: there is no job mial/1: the store {worked.url} ")
    assert "has no queue mial; did you mean mail, or another store" in done.err


@pytest.mark.parametrize("verb", ["show", "logs", "retry", "cancel", "remove"])
def test_a_job_that_is_not_there_is_not_found(call: Call, worked: Project, verb: str) -> None:
    done = call("jobs", verb, "mail/99")
    assert (done.code, done.out, done.err) == (3, "", "headrace: there is no job mail/99 (no-such-job)\n")
    assert call("jobs", verb, "mail").code == 2


def test_several_jobs_are_moved_at_once_and_each_refusal_is_told(call: Call, worked: Project) -> None:
    done = call("jobs", "retry", "mail/3", "post/1", "mail/1", "mail/99")
    assert done.code == 1
    assert done.out == "mail/3 retried\nmail/1 retried\n"
    assert done.err.splitlines() == [
        "headrace: post/1 is waiting (wrong-state)",
        "headrace: there is no job mail/99 (no-such-job)",
    ]
    again = call("jobs", "retry", "mail/2", "post/1", "--json")
    refused = [{"job": "post/1", "code": "wrong-state", "message": "post/1 is waiting"}]
    assert again.json == {"retried": ["mail/2"], "asked": [], "refused": refused}
    assert again.code == 1


def test_cancel_and_remove(call: Call, worked: Project) -> None:
    done = call("jobs", "cancel", "post/1", "post/2", "--reason", "not needed")
    assert (done.code, done.out) == (0, "post/1 cancelled\npost/2 cancelled\n")
    failure = call("jobs", "show", "post/2", "--json").json["failure"]
    assert (failure["reason"], failure["cause"]) == ("not needed", "cancelled")
    assert call("jobs", "remove", "post/1", "post/2").out == "post/1 removed\npost/2 removed\n"
    assert call("jobs", "show", "post/1").code == 3


def test_cancelling_a_job_that_runs_asks_its_worker(project: Project) -> None:
    with project.running("worker", "jobs:app") as worker:
        worker.ready()
        job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
        project.until("default", "active")
        assert project.run("jobs", "cancel", job).out == f"{job} runs; its worker was asked\n"
        project.until("default", "failed")
        assert project.record(job).failure.cause == "cancelled"


def test_logs_are_followed_to_the_end_of_the_job(project: Project) -> None:
    job = project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}").out.strip()
    with project.running("jobs", "logs", job, "--follow") as following, project.running("worker", "jobs:app") as worker:
        worker.ready()
        project.until("default", "active")
        project.gate.touch()
        assert following.line("has completed") == f"headrace: {job} has completed"
        assert following.end() == 0
    assert project.run("jobs", "logs", job).out == "waits\ngoes on\n"
    numbered = project.run("jobs", "logs", job, "--json").out.splitlines()
    assert numbered == ['{"number":0,"line":"waits"}', '{"number":1,"line":"goes on"}']


def jobs(done: Ended) -> list[Any]:
    return [job["job"] for job in done.json["jobs"]]
