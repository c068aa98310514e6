"""Every Python block and every `headrace` line of the documentation does what the page says."""

import sys
from pathlib import Path

import pytest

from tests.docs.page import ROOT, blocks, links, pages
from tests.docs.stage import Stage

TOLD = [page for page in pages() if any(block.language in ("python", "sh") for block in blocks(page))]

REFERENCE = {"reference", "internals", "decisions"}
"""Folders whose shell lines tell no story that could be played from an empty folder."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for variable in ("HEADRACE_URL", "HEADRACE_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    known = set(sys.modules)
    stage = Stage(tmp_path, is_reference=not REFERENCE.isdisjoint(page.parts))
    try:
        for block in blocks(page):
            stage.play(block)
    finally:
        print("\n".join(stage.log))
        for module in set(sys.modules) - known:
            if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[module]
        stage.close()


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    lost = [link for link in links(page) if not (page.parent / link).exists()]
    assert not lost
