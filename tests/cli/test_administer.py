"""Jobs and queues administered from the command line: by name, or all that fit a query."""

import io
from collections.abc import Callable

import pytest

from headrace import App
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


@pytest.fixture
def worked(project: Project) -> Project:
    """In `mail` 1 completed, 2 and 3 failed; in `post` 1 and 2 wait, 3 is delayed."""

    async def act(app: App) -> None:
        await app.queue("mail").add("greet", {"name": "Ada"})
        for reason in ("rain", "snow"):
            await app.queue("mail").add("fail", {"reason": reason})
        for delay in (0, 0, 3600):
            await app.queue("post").add("elsewhere", {"to": delay}, delay=delay)

    project.work(act)
    return project


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a person at a terminal type this."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


def test_jobs_are_found_by_a_query(call: Call, worked: Project) -> None:
    def found(*query: str) -> list[str]:
        return [job["job"] for job in call("jobs", "list", *query, "--json").json["jobs"]]

    assert found("failed") == ["mail/3", "mail/2"]
    assert found("mail", "data.reason:snow") == ["mail/3"]
    assert found("error:ValueError name:fail -id:2") == ["mail/3"]
    assert found("post", "-delayed") == ["post/1", "post/2"]
    assert "begins with two minus signs" in call("jobs", "list", "--limt", "5").err
    wrong = call("jobs", "list", "sate:failed")
    assert wrong.code == 2
    assert wrong.err == (
        "headrace: 'sate:failed', at 1 of the query, asks for 'sate'; did you mean state? (bad-query)\n"
    )


def test_all_that_fit_are_moved(call: Call, worked: Project) -> None:
    counted = call("jobs", "retry", "--where", "mail failed", "--dry-run")
    assert (counted.code, counted.out) == (0, "would retry 2 jobs\n")
    unsure = call("jobs", "retry", "--where", "mail failed")
    assert (unsure.code, unsure.out) == (2, "")
    assert unsure.err == "headrace: about to retry 2 jobs, and nobody to ask; add --yes if it is meant (usage)\n"
    done = call("jobs", "retry", "--where", "mail failed", "--yes")
    assert (done.code, done.out, done.err) == (0, "retried 2 jobs\n", "")
    assert call("jobs", "promote", "--where", "post delayed", "--yes", "--json").json == {
        "promoted": 1,
        "skipped": 0,
        "refused": 0,
        "refusals": [],
    }


def test_a_refusal_among_many_is_told(call: Call, worked: Project) -> None:
    done = call("jobs", "promote", "--where", "post", "--yes")
    assert (done.code, done.out) == (1, "promoted 1 job\n")
    assert done.err.splitlines() == [
        "headrace: post/1 is waiting (wrong-state)",
        "headrace: post/2 is waiting (wrong-state)",
    ]


def test_a_person_is_asked(call: Call, worked: Project, typed: Callable[[str], None]) -> None:
    typed("no\n")
    stopped = call("jobs", "cancel", "--where", "post")
    assert (stopped.code, stopped.out) == (1, "")
    assert stopped.err.splitlines() == [
        "headrace: about to cancel 3 jobs; type yes to go on",
        "headrace: nothing was done (not-confirmed)",
    ]
    typed("yes\n")
    assert call("jobs", "cancel", "--where", "post").out == "cancelled 3 jobs\n"


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (("retry",), "to retry, name jobs as QUEUE/ID, or say which with --where, not both"),
        (("retry", "mail/1", "--where", "failed"), "to retry, name jobs"),
        (("retry", "mail/2", "--dry-run"), "--dry-run counts what fits --where"),
        (("retry", "--where", " "), "--where is empty; to mean every job, write --where 'id:*'"),
        (("set", "mail/2"), "give one of --priority, --delay, --data, --patch, --note"),
        (("set", "mail/2", "--data", "{}", "--patch", "{}"), "give one of"),
        (("set", "mail/2", "--delay", "soon"), "--delay 'soon' is no span of time"),
        (("set", "mail/2", "--data", "{"), "--data '{' is no JSON"),
        (("set", "mail/2", "--note", "[]"), "--note is no JSON object"),
        (("set", "--where", "failed", "--patch", "[]"), "--patch is no JSON object"),
        (("set", "--where", "failed", "--data", "{}"), "about to set 2 jobs, and nobody to ask; add --yes"),
        (("remove", "--where", "failed", "--children"), "this is not done to all that fit a query"),
        (("set", "mail/2", "--priority", "-1"), "--priority is -1"),
        (("move", "mail/2", "--to", "a:b"), "the queue name 'a:b'"),
    ],
)
def test_a_slip_is_refused_before_anything_is_done(
    call: Call, worked: Project, tokens: tuple[str, ...], problem: str
) -> None:
    done = call("jobs", *tokens)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err


def test_a_queue_that_is_not_there_is_not_found(call: Call, worked: Project) -> None:
    for tokens in (("jobs", "remove", "--where", "mial failed", "--yes"), ("queues", "drain", "mial", "--yes")):
        done = call(*tokens)
        assert (done.code, done.err) == (3, "headrace: there is no queue 'mial'; did you mean mail? (no-such-queue)\n")


def test_jobs_move_to_another_queue(call: Call, worked: Project) -> None:
    done = call("jobs", "move", "mail/2", "mail/9", "--to", "dead")
    assert (done.code, done.out) == (3, "mail/2 moved to dead/1\n")
    assert done.err == "headrace: there is no job mail/9 (no-such-job)\n"
    assert call("jobs", "move", "mail/3", "--to", "dead", "--json").json["moved"] == ["dead/2"]
    there = call("jobs", "move", "mail/1", "dead/2", "--to", "dead")  # it would only get another id
    assert (there.code, there.out) == (2, "")
    assert there.err == "headrace: dead/2 is in 'dead' already; nothing was moved (usage)\n"
    assert call("jobs", "move", "--where", "dead", "--to", "mail", "--yes").out == "moved 2 jobs\n"


def test_one_thing_of_jobs_is_set(call: Call, worked: Project) -> None:
    assert call("jobs", "set", "post/1", "--priority", "3").out == "post/1 set\n"
    assert call("jobs", "set", "post/1", "--data", '{"to": "ann"}').code == 0
    assert call("jobs", "set", "post/1", "post/9", "--note", '{"by": "me"}').code == 3
    shown = call("jobs", "show", "post/1", "--json").json
    assert (shown["priority"], shown["data"], shown["notes"]) == (3, {"to": "ann"}, {"by": "me"})
    assert call("jobs", "set", "--where", "post", "--delay", "1h", "--yes").out == "set 3 jobs\n"
    assert call("jobs", "list", "post", "delayed", "--json").json["jobs"][0]["state"] == "delayed"


def test_data_and_notes_of_all_that_fit_are_set(call: Call, worked: Project) -> None:
    fix = ("jobs", "set", "--where", "post data.to:0", "--patch", '{"to": "ann", "cc": {"bob": 1}}')
    assert call(*fix, "--dry-run", "--json").json == {"would": "set", "jobs": 2}
    assert call(*fix, "--yes", "--json").json == {"set": 2, "skipped": 0, "refused": 0, "refusals": []}
    assert call(*fix, "--yes").out == "set 0 jobs\n"
    assert call("jobs", "set", "--where", "post data.to:ann", "--note", '{"by": "me"}', "--yes").out == "set 2 jobs\n"
    shown = call("jobs", "show", "post/2", "--json").json
    assert (shown["data"], shown["notes"]) == ({"to": "ann", "cc": {"bob": 1}}, {"by": "me"})
    assert call("jobs", "set", "post/2", "--patch", '{"cc": null}').out == "post/2 set\n"
    assert call("jobs", "set", "--where", "mail failed", "--data", "[1]", "--yes").out == "set 2 jobs\n"
    refused = call("jobs", "set", "--where", "mail", "--patch", '{"a": 1}', "--yes")
    assert (refused.code, refused.out) == (1, "set 1 job\n")
    assert refused.err.count("is no JSON object and has no members to set") == 2
    assert call("jobs", "show", "post/2", "--json").json["data"] == {"to": "ann"}


def test_a_queue_is_drained_and_cleaned(call: Call, worked: Project) -> None:
    assert call("queues", "drain", "post", "--dry-run", "--json").json == {"would": "remove", "jobs": 2}
    assert call("queues", "drain", "post", "--yes").out == "removed 2 jobs\n"
    assert call("queues", "drain", "post", "--delayed", "--yes").out == "removed 1 job\n"
    assert call("queues", "clean", "mail", "--state", "failed", "--older-than", "1h", "--yes").out == "removed 0 jobs\n"
    assert call("queues", "clean", "mail", "--state", "failed", "--limit", "1", "--yes").out == "removed 1 job\n"
    assert call("queues", "clean", "post", "--state", "delayed", "--yes").out == "removed 0 jobs\n"
    assert call("queues", "clean", "post", "--state", "active", "--yes").code == 2
    asked = call("queues", "clean", "mail")
    assert asked.code == 2
    assert "about to remove all completed jobs of mail, and nobody to ask" in asked.err
    asked = call("queues", "clean", "mail", "--older-than", "7d", "--limit", "5")
    assert "about to remove at most 5 completed jobs of mail that are older than 7d, and" in asked.err
    assert call("queues", "clean", "mail", "--older-than", "long", "--yes").code == 2


def test_all_of_a_queue_is_retried_or_promoted(call: Call, worked: Project) -> None:
    assert call("queues", "retry-all", "mail", "--yes").out == "retried 2 jobs\n"
    assert call("queues", "promote-all", "post", "--yes").out == "promoted 1 job\n"


def test_a_queue_is_obliterated_when_its_name_is_typed(
    call: Call, worked: Project, typed: Callable[[str], None]
) -> None:
    typed("yes\n")
    stopped = call("queues", "obliterate", "mail")
    assert (stopped.code, stopped.out) == (1, "")
    assert "about to obliterate mail with 3 jobs; type mail to go on" in stopped.err
    typed("mail\n")
    assert call("queues", "obliterate", "mail").out == "mail obliterated\n"
    assert call("queues", "obliterate", "post", "--yes", "--json").json == {"obliterated": "post"}
    assert call("queues", "list", "--json").json == {"queues": []}


def test_a_queue_whose_jobs_run_is_obliterated_by_force_only(project: Project, call: Call) -> None:
    with project.running("worker", "jobs:app") as worker:
        worker.ready()
        project.run("enqueue", "jobs:app", "gated", f"gate={project.gate}")
        project.until("default", "active")
        refused = call("queues", "obliterate", "default", "--yes")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.endswith("are running (1); let them end, cancel them, or use force (queue-busy)\n")
        assert call("queues", "obliterate", "default", "--yes", "--force").out == "default obliterated\n"
        project.gate.touch()
