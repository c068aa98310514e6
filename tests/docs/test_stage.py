"""The stage finds a page that lies, and a page that cannot be played."""

from pathlib import Path

import pytest

from tests.docs import page as pages
from tests.docs.page import blocks
from tests.docs.stage import Stage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def played(folder: Path, text: str) -> list[str]:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    stage = Stage(folder)
    try:
        for block in blocks(page):
            stage.play(block)
    finally:
        stage.close()
    return stage.log


def test_what_is_printed_is_compared_and_an_ellipsis_stands_for_anything_in_a_line(folder: Path) -> None:
    log = played(folder, "```python\nprint('in 12 ms')\n```\n\n```text\nin … ms\n```\n")
    assert log == ["page.md:2 python: ran", "page.md:6 text: was printed"]
    with pytest.raises(AssertionError, match=r"page\.md:6 says"):
        played(folder, "```python\nprint(1)\n```\n\n```text\n2\n```\n")


def test_a_block_that_fails_fails_the_page_at_its_own_line(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        played(folder, "# Page\n\n```python\n1 / 0\n```\n")
    assert caught.traceback[-1].lineno == 3  # counted from 0


def test_a_command_that_fails_unannounced_fails_the_page(folder: Path) -> None:
    (folder / "no.py").write_text("raise SystemExit(3)")
    assert played(folder, "```sh\npython no.py  # exit 3\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:2: python no\.py: 3"):
        played(folder, "```sh\npython no.py\n```\n")


@pytest.mark.parametrize("language", ["ini", "json", "toml", "javascript"])
def test_a_block_that_no_test_can_run_needs_a_reason(folder: Path, language: str) -> None:
    block = f"```{language}\nx\n```\n"
    with pytest.raises(AssertionError, match=f"no test knows how to run '{language}'"):
        played(folder, block)
    assert played(folder, f"<!-- not run: it is a picture -->\n{block}") == [
        f"page.md:3 {language}: not run: it is a picture"
    ]


@pytest.mark.parametrize("fence", ["  ```python", "> ```python", "* ```sh", "~~~python", '```python title="x"'])
def test_a_block_that_no_test_would_see_is_an_error(folder: Path, fence: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:3: no test sees this block"):
        played(folder, f"A page:\n\n{fence}\n1 / 0\n```\n")


def test_a_line_of_the_reference_is_one_of_ours(folder: Path) -> None:
    page = folder / "page.md"
    page.write_text("```sh\nheadrace jobs lst\n```\n\n```sh\npytest --no-such-option\n```\n", encoding="utf-8")
    stage = Stage(folder, is_reference=True)
    wrong, strange = blocks(page)
    with pytest.raises(Exception, match="lst"):
        stage.play(wrong)
    with pytest.raises(AssertionError, match="no test knows how to parse"):
        stage.play(strange)
    stage.close()


def test_output_without_a_block_that_could_have_printed_it_is_an_error(folder: Path) -> None:
    with pytest.raises(AssertionError, match="no block above"):
        played(folder, "```text\nx\n```\n")
    with pytest.raises(AssertionError, match="no block above"):
        played(folder, "```python\n# a.py\n```\n\n```text\nx\n```\n")
    silent = "<!-- not run: no root -->\n```sh\nreboot\n```\n\n```text\nbye\n```\n"
    assert played(folder, silent)[-1].endswith("not compared, because the block above was not run")


def test_a_command_that_nobody_knows_is_an_error(folder: Path) -> None:
    with pytest.raises(AssertionError, match="no test knows how to run 'reboot now'"):
        played(folder, "```sh\nreboot now\n```\n")


def test_the_command_of_a_systemd_unit_is_parsed(folder: Path) -> None:
    unit = "```ini\n# a.service\n[Service]\nExecStart=/srv/bin/headrace worker jobs:app {}\n```\n"
    assert "parsed: headrace worker jobs:app" in played(folder, unit.format("--processes 2"))[0]
    with pytest.raises(Exception, match="--proceses"):
        played(folder, unit.format("--proceses 2"))


def test_the_pages_of_the_tutorial_are_one_story_and_others_stand_alone() -> None:
    tutorial = [story for story in pages.stories() if story[0].parent == pages.TUTORIAL]
    assert [len(story) for story in tutorial] == [len(list(pages.TUTORIAL.glob("*.md")))]
    assert all(len(story) == 1 for story in pages.stories() if story not in tutorial)
