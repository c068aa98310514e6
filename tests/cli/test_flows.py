"""`headrace flows show`: a tree of states, attempts, results and reasons."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from headrace import App, Job
from tests.cli.project import Ended, Project

Call = Callable[..., Ended]


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
        "greet (mail/ID)  failed  1/1  child-failed: child mail/ID failed",
        '  greet (mail/ID)  completed  1/1  = "hello Ada"',
        "  greet (mail/ID)  failed  1/1  child-failed: child mail/ID failed",
        "    fail (mail/ID)  failed  1/1  error: no \\x1b[2Jroute",
    ]
    assert done.err == ""


def test_as_json_it_is_nested(call: Call, flow: str) -> None:
    root = call("flows", "show", flow, "--json").json
    first, second = root["children"]
    assert (root["job"], root["state"]) == (flow, "failed")
    assert (first["state"], first["result"], first["children"]) == ("completed", "hello Ada", [])
    assert first["value"] == "hello Ada"
    assert second["children"][0]["failure"]["reason"] == "no \x1b[2Jroute"


def test_a_part_of_a_flow_names_what_it_is_part_of(call: Call, flow: str) -> None:
    child = call("flows", "show", flow, "--json").json["children"][1]["job"]
    done = call("flows", "show", child)
    assert len(done.out.splitlines()) == 2
    assert done.err == f"headrace: it is part of {flow}\n"


def test_a_plain_job_is_a_tree_of_one(call: Call, project: Project) -> None:
    job = project.add()
    assert call("flows", "show", job).out == "elsewhere (post/1)  waiting  0/1\n"
    assert call("flows", "show", "post/2").code == 3
