"""Every Python block and every `headrace` line of the documentation does what the page says."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.page import ROOT, Block, blocks, links, pages, stories
from tests.docs.stage import Stage

TOLD = [story for story in stories() if any(blocks(page) for page in story)]
NOT_RUN = [block for page in pages() for block in blocks(page) if block.reason is not None]

REFERENCE = "reference"
"""The folder whose shell lines tell no story that could be played from an empty folder."""


LOCAL = "redis://127.0.0.1:6379/0"
"""The server of the pages; in a test it is one of the test's."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def title(story: tuple[Path, ...]) -> str:
    return name(story[0] if len(story) == 1 else story[0].parent)


@pytest.mark.parametrize("story", TOLD, ids=title)
def test_a_page_does_what_it_says(
    story: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # a block may set variables
    for variable in ("HEADRACE_URL", "HEADRACE_PREFIX"):
        os.environ.pop(variable, None)
    played = [block for page in story for block in blocks(page)]
    if any(LOCAL in block.text for block in played):
        served = request.getfixturevalue("valkey_url")
        played = [replace(block, text=block.text.replace(LOCAL, served)) for block in played]
    known = set(sys.modules)
    stage = Stage(tmp_path, is_reference=REFERENCE in story[0].parts)
    try:
        for block in played:
            stage.play(block)
    finally:
        print("\n".join(stage.log))
        for module in set(sys.modules) - known:
            if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[module]
        stage.close()


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.place)
def test_a_block_that_cannot_run_says_why(block: Block) -> None:
    """So that each of them is counted and named wherever tests are run."""
    pytest.skip(f"{block.language}: {block.reason}")


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    lost = [link for link in links(page) if not (page.parent / link).exists()]
    assert not lost


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "howto").glob("*.md")), ids=name)
def test_a_how_to_page_is_one_screen_with_a_block_that_runs(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 90
    assert any(block.language == "python" or block.file for block in blocks(page))
