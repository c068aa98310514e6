"""The documentation as a site: built without a complaint, with every page, and asking nobody elsewhere for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import headrace
from headrace import errors
from tests.cli.test_help import COMMANDS
from tests.docs.page import ROOT

FETCHED = re.compile(r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=\"([^\"]+)|<link\b[^>]*\bhref=\"([^\"]+)")
IMPORTED = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)|@import\s+[^;]+")
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, in another folder."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(folder)]
    environ = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def html(site: Path) -> dict[str, str]:
    return {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def test_every_page_is_built(site: Path) -> None:
    """That each is in the navigation is asked by mkdocs itself, which warns otherwise, and fails on a warning."""
    pages = [page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")]
    assert [page for page in pages if not (site / page).is_file()] == []


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = {target for text in html(site).values() for pair in FETCHED.findall(text) for target in pair if target}
    assert [target for target in fetched if "//" in target] == []
    styles = "\n".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert IMPORTED.findall(styles) == []
    # The theme would load a script from elsewhere to draw these.
    assert [name for name, text in html(site).items() if 'class="mermaid"' in text] == []


def test_a_page_fits_a_phone(site: Path) -> None:
    lost = [name for name, text in html(site).items() if 'name="viewport" content="width=device-width' not in text]
    assert lost == []


def test_no_line_ends_within_an_option(site: Path) -> None:
    """The style sheet keeps together what is marked."""
    pages = html(site)
    assert '<code><span class="option">--help</span></code>' in pages["reference/cli.html"]
    unmarked = [name for name, text in pages.items() if re.search(r"(?<!</span>)<code>--?\w", text)]
    assert unmarked == []
    assert [name for name, text in pages.items() if "site.css" not in text] == []
    assert ".option" in (site / "site.css").read_text(encoding="utf-8")


def test_the_reference_has_every_public_name(site: Path) -> None:
    text = "\n".join(page for name, page in html(site).items() if name.startswith("reference/api/"))
    names = [f"headrace.{name}" for name in headrace.__all__ if name != "errors"]
    names += [f"headrace.errors.{name}" for name in errors.__all__]
    assert [name for name in names if f'id="{name}"' not in text] == []


def test_every_command_has_its_options_on_a_page(site: Path) -> None:
    text = (site / "reference" / "options.html").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if f"Usage: headrace {' '.join(command)}" not in text] == []
    assert "--processes N" in text


def test_a_link_to_a_file_of_the_repository_leads_to_a_page_that_shows_it(site: Path) -> None:
    assert 'href="repository/tests/faults/test_kill_storm.py.html"' in html(site)["guarantees.html"]
    assert "test_kill_storm" in html(site)["repository/tests/faults/test_kill_storm.py.html"]
