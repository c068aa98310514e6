"""`headrace enqueue`: arguments by name, checked by the task's types."""

import asyncio
from collections.abc import Callable

import pytest

from headrace.core.commands import Claim, Source
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH

APP = """
from datetime import datetime
from decimal import Decimal

import headrace

app = headrace.App()
number = 5


@app.task(queue="typed")
def typed(text: str = "", number: int = 0, perhaps: str | None = None, any=None, items: list[int] = [],
          at: datetime | None = None, price: Decimal = Decimal(0), thing: object = None) -> None: ...
"""


@pytest.fixture
def typed(project: Project) -> str:
    """An app in a module that no other test imports."""
    name = f"typed_{abs(hash(project.folder))}"
    (project.folder / f"{name}.py").write_text(APP)
    return f"{name}:app"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("text=plain words", {"text": "plain words"}),
        ("text=10115", {"text": "10115"}),
        ("text=true", {"text": "true"}),
        ("text=", {"text": ""}),
        ('text="quoted"', {"text": "quoted"}),
        ("text=a=b", {"text": "a=b"}),
        ("number=10115", {"number": 10115}),
        ("perhaps=null", {"perhaps": None}),
        ("perhaps=5", {"perhaps": "5"}),
        ("any=5", {"any": 5}),
        ("thing=[5]", {"thing": [5]}),
        ('any={"a": [1]}', {"any": {"a": [1]}}),
        ("any=192.0.2.1", {"any": "192.0.2.1"}),
        ("items=[1,2]", {"items": [1, 2]}),
        ("at=2026-01-02T03:04:05Z", {"at": "2026-01-02T03:04:05Z"}),
        ("price=1.25", {"price": 1.25}),
    ],
)
def test_a_value_is_json_if_that_fits_and_text_otherwise(
    call: Call, typed: str, given: str, stored: dict[str, object]
) -> None:
    job = call("enqueue", typed, "typed", given).out.strip()
    assert call("jobs", "show", job, "--json").json["data"] == stored


@pytest.mark.parametrize(
    ("tokens", "code", "message"),
    [
        (("number=many",), 2, "Expected `int`, got `str` - at `$.number` (invalid-data)"),
        (("nmuber=1",), 2, "did you mean 'number'? (invalid-data)"),
        (("number",), 2, "'number' is no argument; write name=value (usage)"),
        (("number=1", "number=2"), 2, "'number' is given twice (usage)"),
        (("--delay", "soon"), 2, 'is no span of time; write "30s", "15m", "7d" or a number of seconds (usage)'),
        (("--job-id", "7"), 2, "Put a letter in front (invalid-id)"),
        (("--priority", "-1"), 2, "lies between 0 and 2097151 (invalid-option)"),
        (("--nonsense",), 2, "(usage)"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(
    call: Call, typed: str, tokens: tuple[str, ...], code: int, message: str
) -> None:
    done = call("enqueue", typed, "typed", *tokens)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_options_are_stored(call: Call, typed: str) -> None:
    options = ("--delay", "1h", "--expires", "2h", "--priority", "3", "--job-id", "mine")
    added = call("enqueue", typed, "typed", *options, "--json").json
    assert (added.pop("is_duplicate"), added.pop("is_kept")) == (False, False)
    assert added == {"job": "typed/mine", "queue": "typed", "id": "mine", "name": "typed"}
    record = call("jobs", "show", "typed/mine", "--json").json
    assert (record["state"], record["priority"], record["options"]["expires_ms"]) == ("delayed", 3, 7_200_000)
    assert "\nexpires " in call("jobs", "show", "typed/mine").out
    assert 3_590_000 < record["due_at"] - record["added_at"] <= 3_600_000


def test_waiting_has_an_end(call: Call, typed: str) -> None:
    done = call("enqueue", typed, "typed", "--wait", "--timeout", "10ms")
    assert (done.code, done.out) == (1, "")
    assert "typed/1 has not finished within 0.01 s (result-timeout)" in done.err
    alone = call("enqueue", typed, "typed", "--timeout", "10ms")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == "headrace: --timeout ends the waiting; give --wait, too (usage)\n"


def test_outcomes_can_be_had_as_json(project: Project) -> None:
    with project.running("worker", "jobs:app") as worker:
        worker.ready()
        done = project.run("enqueue", "jobs:app", "greet", "name=Ada", "--wait", "--json")
        assert done.json == {"job": "mail/1", "state": "completed", "result": "hello Ada"}
        failed = project.run("enqueue", "jobs:app", "fail", "reason=no", "--wait", "--json")
        assert failed.code == 1
        failure = {"reason": "no", "cause": "unrecoverable", "kind": "Unrecoverable"}
        assert failed.json == {"job": "mail/2", "state": "failed", "failure": failure}
        worker.signal()
        assert worker.end() == 0


@pytest.mark.parametrize(
    ("app", "task", "code", "message"),
    [
        ("jobs", "greet", 2, "'jobs' names no app; write module:attribute, for instance jobs:app (usage)"),
        ("jobs.py:app", "greet", 2, "for instance jobs:app (usage)"),
        ("jbos:app", "greet", 3, "did you mean jobs? (no-such-app)"),
        ("jobs:ap", "greet", 3, "jobs has no 'ap'; did you mean app? (no-such-app)"),
        ("jobs:other", "greet", 2, "jobs:other is of the type int; it must be a headrace.App (no-such-app)"),
        ("jobs:app", "gret", 3, "there is no task 'gret'; did you mean greet? (no-such-task)"),
    ],
)
def test_a_slip_in_app_or_task_gets_a_suggestion(
    project: Project, app: str, task: str, code: int, message: str
) -> None:
    done = project.run("enqueue", app, task, "name=x")
    assert done.code == code
    assert done.err.rstrip().endswith(message)


def test_an_app_that_names_its_store_cannot_be_moved(call: Call, project: Project) -> None:
    (project.folder / "fixed_store.py").write_text(f"import headrace\napp = headrace.App({project.url + 'x'!r})\n")
    done = call("enqueue", "fixed_store:app", "x", "--url", project.url)
    assert done.code == 2
    assert "names its own store in the code" in done.err


def test_a_fault_in_the_users_code_is_told_with_its_line(project: Project) -> None:
    project.code.write_text("import headrace\nimport nowhere_to_be_found\n")
    done = project.run("enqueue", "jobs:app", "greet")
    assert done.code == 1
    assert f"No module named 'nowhere_to_be_found' [{project.code}, line 2; --debug shows more]" in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in project.run("enqueue", "jobs:app", "greet", "--debug").err


def test_a_duplicate_is_named_and_not_added(call: Call, typed: str) -> None:
    first = call("enqueue", typed, "typed", "--dedup", "a", "--dedup-ttl", "5m")
    assert (first.out, first.err) == ("typed/1\n", "")
    again = call("enqueue", typed, "typed", "--dedup", "a")
    assert (again.code, again.out) == (0, "typed/1\n")
    assert "nothing was added: typed/1 has its id or dedup key" in again.err
    assert call("enqueue", typed, "typed", "--dedup", "a", "--json").json["is_duplicate"] is True
    assert call("jobs", "show", "typed/1", "--json").json["options"]["dedup"]["ttl_ms"] == 300_000
    assert "give --dedup, too" in call("enqueue", typed, "typed", "--dedup-ttl", "5m").err


def test_what_is_kept_for_the_end_of_a_running_job_is_said_to_be(call: Call, typed: str, project: Project) -> None:
    async def claim() -> None:
        async with project.bare() as app:
            await app.storage.run(Claim((Source("typed"),), 1, "token", 60_000))

    ask = ("enqueue", typed, "typed", "--dedup", "a", "--keep-last")
    assert call(*ask, "--json").json["is_kept"] is False
    assert call(*ask).err == "headrace: nothing was added: typed/1 has its id or dedup key\n", "it waits"
    asyncio.run(claim())
    again = call(*ask)
    assert (again.code, again.out) == (0, "typed/1\n")
    assert again.err == "headrace: kept: typed/1 runs and has the dedup key; this is added when that has finished\n"
    assert call(*ask, "--json").json["is_kept"] is True
    assert "a duplicate is kept for its end" in call("queues", "dedup", "typed", "a").out
    assert "give --dedup, too" in call("enqueue", typed, "typed", "--keep-last").err
