"""`headrace flows show`: a tree of states, attempts, results and reasons."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from headrace import App, Job
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


@pytest.fixture
def flow(project: Project) -> str:
    """A flow of which one part has failed; its root."""

    async def act(app: App) -> Job[Any]:
        mail = app.queue("mail")
        second = mail.call("greet", {"name": "Bob"}).after(mail.call("fail", {"reason": "no \x1b[2Jroute"}))
        return await app.enqueue(mail.call("greet").after(mail.call("greet", {"name": "Ada"}), second))

    return str(project.work(act).ref)


def test_a_flow_is_drawn_below_its_root(call: Call, flow: str) -> None:
    done = call("flows", "show", flow)
    plain = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", done.out)
    assert plain.splitlines() == [
        "greet (mail/ID)  failed  never run  child-failed: child mail/ID failed",
        '  greet (mail/ID)  completed  1/1  = "hello Ada"',
        "  greet (mail/ID)  failed  never run  child-failed: child mail/ID failed",
        "    fail (mail/ID)  failed  1/1  error: no \\x1b[2Jroute",
    ]
    assert done.err == ""


def test_as_json_it_is_a_list_in_which_each_names_its_parent(call: Call, flow: str) -> None:
    tree = call("flows", "show", flow, "--json").json
    root, first, second, last = tree["nodes"]
    assert (tree["root"], tree["is_cut"]) == (flow, False)
    assert (root["job"], root["state"], root["depth"], root["below"]) == (flow, "failed", 0, None)
    assert (first["state"], first["result"], first["below"]) == ("completed", "hello Ada", flow)
    assert first["value"] == "hello Ada"
    assert (last["failure"]["reason"], last["below"]) == ("no \x1b[2Jroute", second["job"])


def test_a_part_of_a_flow_names_what_it_is_part_of(call: Call, flow: str) -> None:
    nodes = call("flows", "show", flow, "--json").json["nodes"]
    child = next(node["below"] for node in nodes if node["name"] == "fail")
    done = call("flows", "show", child)
    assert len(done.out.splitlines()) == 2
    assert done.err == f"headrace: it is part of {flow}\n"


def test_a_flow_may_be_deep(call: Call, project: Project) -> None:
    async def act(app: App) -> Job[Any]:
        call = app.queue("post").call("leaf")
        for _ in range(700):
            call = app.queue("post").call("deep").after(call)
        return await app.enqueue(call)

    root = str(project.work(act).ref)
    assert len(call("flows", "show", root, "--json").json["nodes"]) == 701
    out = call("flows", "show", root).out.splitlines()
    assert len(out) == 701
    assert out[-1].startswith(" " * 40 + "[700] leaf (post/")


def test_a_plain_job_is_a_tree_of_one(call: Call, project: Project) -> None:
    job = project.add()
    assert call("flows", "show", job).out == "elsewhere (post/1)  waiting  0/1\n"
    assert call("flows", "show", "post/2").code == 3


def test_a_flow_is_removed_with_all_that_is_below_it(call: Call, flow: str) -> None:
    done = call("jobs", "remove", flow, "--children")
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 4)
    assert all(line.endswith(" removed") for line in done.out.splitlines())
    assert call("jobs", "list", "mail").out == ""


def test_a_failure_that_was_ignored_says_so(call: Call, project: Project) -> None:
    async def act(app: App) -> Job[Any]:
        mail = app.queue("mail")
        return await app.enqueue(mail.call("greet").after(mail.call("fail", {"reason": "no"}), if_failed="ignore"))

    root = str(project.work(act).ref)
    _, child = call("flows", "show", root).out.splitlines()
    assert child.endswith("failed  1/1  ignored: error: no")
    assert call("flows", "show", root, "--json").json["nodes"][1]["ignored"] == "no"
    call("jobs", "remove", child.split("(")[1].split(")")[0])
    assert call("flows", "show", root).out.splitlines()[1].endswith("removed    ignored: no")


def test_what_has_failed_of_a_flow_is_retried(call: Call, project: Project, flow: str) -> None:
    done = call("flows", "retry", flow)
    assert (done.code, done.err) == (0, "")
    assert [line.split(" ")[1] for line in done.out.splitlines()] == ["retried"] * 3
    states = [node["state"] for node in call("flows", "show", flow, "--json").json["nodes"]]
    assert states == ["waiting-children", "completed", "waiting-children", "waiting"]
    done = call("flows", "retry", flow, "post/9")
    assert (done.code, done.out) == (1, "")
    assert "waiting-children" in done.err
    assert "post/9" in done.err


def test_a_flow_is_cancelled_with_all_below_it(call: Call, flow: str) -> None:
    call("flows", "retry", flow)
    done = call("flows", "cancel", flow, "--reason", "too late", "--json").json
    assert (len(done["cancelled"]), done["asked"], done["refused"]) == (3, [], [])
    nodes = call("flows", "show", flow, "--json").json["nodes"]
    assert [node["state"] for node in nodes] == ["failed", "completed", "failed", "failed"]
    assert nodes[3]["failure"]["reason"] == "too late"
    assert call("flows", "cancel", flow).code == 1
