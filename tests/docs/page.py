"""A page of the documentation as the tests read it: its fenced blocks, in order, and its links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial"

_FENCE = re.compile(r"(`{3,})([\w-]*)\s*")
_ODD_FENCE = re.compile(r"[\s>*-]*(?:```|~~~)")
_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml|service))(, continued)?")
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first line; `reason` says why it is not run, if it is not."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that this block is, by the comment in its first line."""
        found = _FILE.fullmatch(self.text.partition("\n")[0])
        return found[1] if found else None

    @property
    def is_continued(self) -> bool:
        """Whether it goes to the end of a file that is there."""
        found = _FILE.fullmatch(self.text.partition("\n")[0])
        return found is not None and found[2] is not None


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def stories() -> list[tuple[Path, ...]]:
    """What is played in one folder: the pages of the tutorial, one after the other; any other page alone."""
    tutorial = tuple(page for page in pages() if page.parent == TUTORIAL)
    return [*((page,) for page in pages() if page not in tutorial), *([tutorial] if tutorial else [])]


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    fence, language, start, reason = "", "", 0, None
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        mark = _FENCE.fullmatch(line)
        if fence and line.strip() == fence:
            text = "\n".join(lines[start : number - 1]) + "\n"
            found.append(Block(page, start + 1, language, text, reason))
            fence, reason = "", None
        elif not fence and mark:
            fence, language, start = mark[1], mark[2], number
        elif not fence and _ODD_FENCE.match(line):
            raise AssertionError(f"{page}:{number}: no test sees this block; begin it at the margin, as ```LANGUAGE")
        elif not fence and line.strip():
            said = _NOT_RUN.fullmatch(line.strip())
            reason = said[1] if said else None
    assert not fence, f"{page}: the block at line {start} has no end"
    return found


def links(page: Path) -> list[str]:
    """Links to files of the repository, without the place in the file."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = [target.partition("#")[0] for target in _LINK.findall(prose) if "://" not in target]
    return [target for target in targets if target]
