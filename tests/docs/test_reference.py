"""The reference has every public name, and every public function has an example that the tests run (house rule 17)."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache

import pytest

import headrace
from headrace import errors
from tests.docs.page import ROOT, blocks, pages

API = ROOT / "docs" / "reference" / "api"
_SHOWN = re.compile(r"^::: (\S+)$", re.MULTILINE)
GIVEN = {"JobRecord", "JobRef", "Context", "Page", "Queue", "State", "Task", "Event", "Worker"}
GIVEN |= {"ScheduleRecord", "Schedules", "Slot"}
GIVEN |= {"DedupRecord", "Lock", "LockRecord", "Locks", "WorkerRecord", "Workers"}
"""What nobody makes: examples are given these, and have no need to name them."""
INSIDE = {"Call.new_job", "Exponential.stored", "Fixed.stored", "Keep.stored", "Dedup.stored"}
INSIDE |= {"Cron.stored", "Every.stored", "Capacity.stored", "Rate.stored"}
"""What the package asks of values that users make."""
NAMES = [name for name in headrace.__all__ if name != "errors"]


def methods() -> Iterator[str]:
    """What users call, as `Class.method`; errors and plain records have none of their own."""
    for name in NAMES:
        kind = getattr(headrace, name)
        if inspect.isclass(kind):
            yield from (f"{name}.{member}" for member in vars(kind) if _is_called(kind, member))


def _is_called(kind: type, member: str) -> bool:
    thing = vars(kind)[member]
    is_described = hasattr(thing, "__wrapped__") and hasattr(thing, "__get__")
    return not member.startswith("_") and (inspect.isfunction(thing) or is_described) and bool(thing.__doc__)


@cache
def shown() -> frozenset[str]:
    return frozenset(name for page in API.glob("*.md") for name in _SHOWN.findall(page.read_text(encoding="utf-8")))


@cache
def used() -> frozenset[str]:
    """Every attribute that a block which runs asks for, wherever in the documentation."""
    trees = [
        ast.parse(block.text)
        for page in pages()
        for block in blocks(page)
        if block.language == "python" and block.reason is None
    ]
    return frozenset(node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def test_the_reference_shows_every_public_name_and_no_other() -> None:
    assert shown() == {"headrace.errors", *(f"headrace.{name}" for name in NAMES)}, (
        "`::: headrace.NAME` is in docs/reference/api"
    )


def test_what_is_public_is_said_once() -> None:
    assert sorted(headrace.__all__) == sorted(set(headrace.__all__))
    assert sorted(errors.__all__) == sorted(name for name, kind in vars(errors).items() if inspect.isclass(kind))


@pytest.mark.parametrize("name", sorted({*NAMES} - GIVEN))
def test_a_public_name_is_used_in_an_example(name: str) -> None:
    assert name in used(), f"headrace.{name} is in no block of the documentation"


@pytest.mark.parametrize("method", sorted({*methods()} - INSIDE))
def test_a_public_function_is_called_in_an_example(method: str) -> None:
    assert method.partition(".")[2] in used(), f"{method} is in no block of the documentation"
