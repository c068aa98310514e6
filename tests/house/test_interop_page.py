"""The tests that docs/internals/interop.md names are there."""

import re

from tests.house.source import ROOT, none

PAGE = ROOT / "docs" / "internals" / "interop.md"
TESTS = ROOT / "tests" / "interop"
NAMED = re.compile(r"`(test_\w+)(?:::(test_\w+))?`")


def test_every_test_that_the_page_of_interoperation_names_is_there() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    lost = []
    for module, test in named:
        path = TESTS / f"{module}.py"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if f"def {test or 'test_'}" not in text:
            lost.append(f"{module}::{test}")
    none(lost, "Name the test that shows it now, or write one")
