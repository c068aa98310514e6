"""What `job.why()` and `headrace doctor` can say stands in the documentation; each sign has a test called like it."""

import ast
import re

from headrace.core.checks import FILE_CHECKS
from headrace.core.queuechecks import STORE_CHECKS, janitor
from headrace.core.servers import SERVER_CHECKS
from headrace.core.signs import SIGNS
from headrace.core.signs.absent import ABSENT
from tests.house.source import ROOT

ROW = re.compile(r"^\| (?!\*\*|what is so)([\w ]+?) \| .+ \|$", re.MULTILINE)


def known() -> set[str]:
    return {sign.__name__ for signs in SIGNS.values() for sign in signs} | {trace.__name__ for trace in ABSENT}


def test_the_page_has_a_row_for_each_sign_and_no_other() -> None:
    rows = ROW.findall((ROOT / "docs" / "howto" / "why.md").read_text(encoding="utf-8"))
    assert sorted(row.replace(" ", "_").lower() for row in rows) == sorted(known())


def test_the_page_of_doctor_has_a_row_for_each_check_and_no_other() -> None:
    text = (ROOT / "docs" / "howto" / "doctor.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!check)([\w, ]+?) \|", text, re.MULTILINE)
    checks = [*FILE_CHECKS, *SERVER_CHECKS, *STORE_CHECKS, janitor.__name__]
    assert sorted(name for row in rows for name in row.split(", ")) == sorted(checks)


def test_each_sign_has_a_test_of_its_name() -> None:
    files = (ROOT / "tests" / "hall" / "why").glob("test_*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    tests = {node.name for tree in trees for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    assert known() - {name.removeprefix("test_") for name in tests} == set()


def test_there_are_at_least_twenty() -> None:
    assert len(known()) >= 20
