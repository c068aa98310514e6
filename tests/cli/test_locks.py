"""`headrace locks`: who holds them, and taking them away."""

import asyncio
from collections.abc import Callable
from typing import Any

from headrace.core.commands import Acquire, Command, Locks
from tests.cli.project import ON_EACH, Ended, Project

Call = Callable[..., Ended]
pytestmark = ON_EACH


def ask(project: Project, *commands: Command[Any]) -> list[Any]:
    async def asked() -> list[Any]:
        async with project.bare() as app:
            return [await app.storage.run(command) for command in commands]

    return asyncio.run(asked())


def hold(project: Project, name: str, *owners: str) -> None:
    ask(project, *(Acquire(name, owner, 3_600_000, limit=len(owners)) for owner in owners))


def test_list_shows_who_holds_what(call: Call, project: Project) -> None:
    project.add()
    hold(project, "billing", "a", "b")
    hold(project, "import", "c")
    rows = [line.split() for line in call("locks", "list").out.splitlines()]
    assert rows[0] == ["LOCK", "OWNER", "FENCE", "SINCE", "ENDS", "IN"]
    assert [(row[0], row[1], row[2], row[-1]) for row in rows[1:]] == [
        ("billing", "a", "1", "59m"),
        ("billing", "b", "2", "59m"),
        ("import", "c", "3", "59m"),
    ]
    listed = call("locks", "list", "import", "--json").json["locks"]
    assert [(lock["name"], lock["owner"], lock["fence"]) for lock in listed] == [("import", "c", 3)]


def test_list_says_when_nobody_holds_any(call: Call, project: Project) -> None:
    project.add()
    assert call("locks", "list").err == "headrace: nobody holds a lock\n"
    assert call("locks", "list", "billing").err == "headrace: nobody holds the lock 'billing'\n"


def test_release_takes_it_away_from_all_or_one(call: Call, project: Project) -> None:
    project.add()
    hold(project, "billing", "a", "b", "c")
    assert call("locks", "release", "billing", "--owner", "b").out == "billing released\n"
    assert [lock["owner"] for lock in call("locks", "list", "--json").json["locks"]] == ["a", "c"]
    assert call("locks", "release", "billing", "--json").json == {"released": 2}
    assert call("locks", "list", "--json").json == {"locks": []}


def test_what_nobody_holds_is_not_found(call: Call, project: Project) -> None:
    project.add()
    hold(project, "billing", "a")
    done = call("locks", "release", "biling")
    assert (done.code, done.out) == (3, "")
    assert done.err == "headrace: the lock 'biling' is not held; did you mean billing? (no-such-lock)\n"
    done = call("locks", "release", "billing", "--owner", "z")
    assert (done.code, done.err) == (
        3,
        "headrace: the lock 'billing' is not held by 'z'; there is a (no-such-lock)\n",
    )
    (left,) = ask(project, Locks())
    assert len(left.locks) == 1
