"""What mkdocs does not do by itself for this site: see `mkdocs.yml`, and `make docs`.

* The navigation is made of the folders, so that a page is found by being there.
* A link to a file of the repository that is no page leads to a page that shows the file.
* Every command's `--help` is a page of the reference.
* Diagrams, which a browser could draw only with a script from elsewhere, are shown as their arrows.
* An option of a command is marked, so that `docs/site.css` can keep a line from ending between its dashes and its name.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any, Final

from cyclopts import App
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from headrace.cli import main
from headrace.cli.root import commands

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
OPTIONS_PAGE: Final = "reference/options.md"
SOURCES: Final = "repository"
"""Where files of the repository stand in the site."""
HOW_TO: Final = (
    (
        "Jobs",
        (
            "tasks bulk your-own-transaction unique-ids dedup delay expire priority retries timeouts results retention"
            " batch"
        ),
    ),
    ("Inside a job", "progress poll rate-limited cancel middleware process"),
    ("Flows", "flows failed-children add-children use-results-of-children repair-a-flow after-a-job clean-up"),
    ("Schedules", "schedules"),
    ("Queues", "pause limits catch-all find-jobs administer events stats tallies"),
    (
        "Workers",
        "workers worker-rate remote-control locks hooks plugins settings sync systemd doctor why bench",
    ),
    ("Redis", "redis redis-connections redis-safety share-with-node"),
    ("Tests", "test-your-jobs tmp-path"),
)
"""The groups of the how-to pages, by file name; a page of none is in a group at the end."""
SECTIONS: Final = (
    ("Start", ("start.md", "tutorial")),
    ("Explanation", ("concepts.md", "guarantees.md", "glossary.md", "decisions")),
    ("Reference", ("reference/api", "reference/cli.md", OPTIONS_PAGE)),
    ("Internals", ("internals",)),
)

_LINK: Final = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
_FENCED: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_DIAGRAM: Final = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED: Final = re.compile(r'state "([^"]+)" as (\w+)')
_ARROW: Final = re.compile(r"^ *(\S+) --> (\S+): (.*)$", re.MULTILINE)
_INLINE_CODE: Final = re.compile(r"(?<!</span>)<code>[^<]*</code>")
_OPTION: Final = re.compile(r"(?<![\w-])--?\w[\w-]*")
_LANGUAGES: Final = {".py": "python", ".sql": "sql", ".toml": "toml"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation: a tab for each section, its pages by file name, the how-to pages by what they are about."""
    sections = [{title: list(_pages(places))} for title, places in SECTIONS]
    config.nav = [{"Home": "index.md"}, sections[0], {"How-to": list(_groups())}, *sections[1:]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made: the options of the commands, and the files that pages link to."""
    files.append(File.generated(config, OPTIONS_PAGE, content=options_page()))
    for path in sorted(_linked()):
        files.append(File.generated(config, _shown(path), content=_source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links at the pages that show files, and write diagrams as their arrows."""
    return _pointed(_DIAGRAM.sub(_arrows, markdown), page.file.src_uri, _home(page.file.src_uri))


def on_page_content(html: str, **_: Any) -> str:
    """Mark the options in a line of prose or in a table."""
    return _INLINE_CODE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)


def options_page() -> str:
    """The `--help` of every command, as it is printed on 80 columns."""
    said = [
        "# Commands and options",
        "What `--help` says of each command. [The command line](cli.md) explains them, with what they promise.",
    ]
    for command in sorted(_leaves(commands(is_overview=True))):
        said += [f"## {' '.join(('headrace', *command))}", f"```text\n{_help(command)}\n```"]
    return "\n\n".join(said)


def _pages(places: tuple[str, ...]) -> Iterator[str]:
    for place in places:
        if place.endswith(".md"):
            yield place
        else:
            yield from (f"{place}/{page.name}" for page in sorted((DOCS / place).glob("*.md")))


def _groups() -> Iterator[dict[str, list[str]]]:
    left = {page.stem for page in (DOCS / "howto").glob("*.md")}
    for group, names in HOW_TO:
        if there := [name for name in names.split() if name in left]:
            left -= {*there}
            yield {group: [f"howto/{name}.md" for name in there]}
    if left:
        yield {"More": [f"howto/{name}.md" for name in sorted(left)]}


def _leaves(app: App, *above: str) -> Iterator[tuple[str, ...]]:
    for name in app:
        if not name.startswith("-"):
            yield from list(_leaves(app[name], *above, name)) or [(*above, name)]


def _help(command: tuple[str, ...]) -> str:
    os.environ.update(COLUMNS="80", NO_COLOR="1")
    printed = io.StringIO()
    with redirect_stdout(printed):
        main([*command, "--help"])
    return printed.getvalue().strip()


def _linked() -> set[str]:
    """Files of the repository outside `docs` that pages link to, and those that these link to."""
    found: set[str] = set()
    waiting = [page.relative_to(ROOT).as_posix() for page in DOCS.rglob("*.md")]
    while waiting:
        path = waiting.pop()
        for target in _targets(path):
            if target not in found and not target.startswith("docs/") and (ROOT / target).is_file():
                found.add(target)
                waiting += [target] if target.endswith(".md") else []
    return found


def _targets(path: str) -> Iterator[str]:
    prose = _FENCED.sub("", (ROOT / path).read_text(encoding="utf-8"))
    for link in _LINK.finditer(prose):
        if "://" not in link[1]:
            yield normpath(f"{Path(path).parent.as_posix()}/{link[1]}")


def _shown(path: str) -> str:
    """The place in the site of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{SOURCES}/{path}" if path.endswith(".md") else f"{SOURCES}/{path}.md"


def _home(shown: str) -> str:
    """The folder of the repository in which the links of a page begin."""
    where = shown.removeprefix(f"{SOURCES}/") if shown.startswith(f"{SOURCES}/") else f"docs/{shown}"
    return Path(where).parent.as_posix()


def _source_page(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    return f"# {path}\n\n````{_LANGUAGES.get(Path(path).suffix, 'text')}\n{text}````\n"


def _pointed(markdown: str, shown: str, home: str) -> str:
    """The text with each link to a file outside `docs` leading to the page that shows it."""

    def point(link: re.Match[str]) -> str:
        target = normpath(f"{home}/{link[1]}")
        if "://" in link[1] or not (ROOT / target).is_file():
            return link[0]
        return relpath(_shown(target), Path(shown).parent.as_posix()) + (link[2] or "")

    return _LINK.sub(point, markdown)


def _arrows(diagram: re.Match[str]) -> str:
    names = {node: state for state, node in _NAMED.findall(diagram[1])} | {"[*]": "(none)"}
    arrows = [(names.get(a, a), names.get(b, b), label) for a, b, label in _ARROW.findall(diagram[1])]
    width = max(len(before) for before, _, _ in arrows)
    after_width = max(len(after) for _, after, _ in arrows)
    lines = [f"{before:{width}} -> {after:{after_width}}  {label}" for before, after, label in arrows]
    return "```text\n" + "\n".join(lines) + "\n```"
