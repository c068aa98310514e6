"""The page about the life of a job is drawn from the table that the program goes by."""

import importlib.util
from types import ModuleType

import pytest

from headrace.core.lifecycle import TRANSITIONS
from tests.docs.page import ROOT


@pytest.fixture
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_lifecycle", ROOT / "docs" / "draw_lifecycle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(drawing: ModuleType) -> None:
    assert drawing.main(["--check"]) == 0, "run python docs/draw_lifecycle.py"


def test_a_page_that_is_not_current_is_found(drawing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "TRANSITIONS", TRANSITIONS[1:])
    assert drawing.main(["--check"]) == 1


def test_every_transition_is_an_arrow_and_a_row(drawing: ModuleType) -> None:
    text = drawing.drawn()
    for edge in TRANSITIONS:
        before, after = (None if state is None else state.replace("-", "_") for state in (edge.before, edge.after))
        assert f"    {before or '[*]'} --> {after or '[*]'}: " in text, edge
        assert f" | {edge.trigger} | " in text, edge


def test_a_label_has_no_sign_that_ends_it(drawing: ModuleType) -> None:
    arrows = [line for line in drawing.drawn().splitlines() if line.startswith("    ") and "-->" in line]
    assert all(line.count(":") == 1 and ";" not in line for line in arrows)
