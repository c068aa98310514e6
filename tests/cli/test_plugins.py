"""`headrace plugins`: what installed packages bring."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.project import Ended

Call = Callable[..., Ended]


def test_list_names_the_packages_and_imports_nothing(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("plugins", "list").err == (
        "headrace: no installed package has an entry point in the group headrace.plugins\n"
    )
    facts = tmp_path / "headrace_stamps-1.5.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: headrace-stamps\nVersion: 1.5\n")
    (facts / "entry_points.txt").write_text("[headrace.plugins]\nstamps = nowhere_at_all:register\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [line.split() for line in call("plugins", "list").out.splitlines()] == [
        ["PLUGIN", "PACKAGE", "VERSION", "OBJECT"],
        ["stamps", "headrace-stamps", "1.5", "nowhere_at_all:register"],
    ]
    (plugin,) = call("plugins", "list", "--json").json["plugins"]
    assert plugin == {
        "name": "stamps",
        "package": "headrace-stamps",
        "version": "1.5",
        "object": "nowhere_at_all:register",
    }
