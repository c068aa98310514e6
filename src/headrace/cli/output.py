"""Data on stdout: a table in a terminal, plain columns in a pipe, JSON for machines."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Final

from headrace.cli.text import clean, clean_json

if TYPE_CHECKING:
    from rich.console import Console

STYLES: Final[Mapping[str, str]] = {
    "active": "cyan",
    "completed": "green",
    "delayed": "yellow",
    "failed": "bold red",
    "paused": "yellow",
    "waiting-children": "blue",
}


def is_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def console() -> "Console":
    """A console on stdout that takes nothing in a text for markup; NO_COLOR and COLUMNS are heeded."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def line(text: str) -> None:
    """One line of data."""
    print(clean(text))


def sentence(text: str) -> None:
    """A sentence of its own; in a terminal its lines fit, and no word, such as a job's id, is broken over two."""
    if not is_terminal():
        return line(text)
    width = get_terminal_size().columns
    print(fill(clean(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    return None


def document(value: object) -> None:
    """One JSON document: in a line, or spread out in a terminal."""
    import msgspec

    text = msgspec.json.encode(value)
    print(clean_json((msgspec.json.format(text, indent=2) if is_terminal() else text).decode()))


def json_line(value: object) -> None:
    """One of several JSON lines, there at once for whoever follows."""
    import msgspec

    print(clean_json(msgspec.json.encode(value).decode()), flush=True)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, cut: str | None = None) -> None:
    """Rows, at least one, below titles; columns of numbers to the right.

    In a terminal it fits: the widest of the first column and that of the title `cut` gives way; the first folds, the
    other is cut. In a pipe all of it is there.
    """
    texts = [[clean(cell) for cell in row] for row in rows]
    columns = list(zip(*texts, strict=True))
    is_number = [all(cell.isdigit() or cell == "-" for cell in column) for column in columns]
    if is_terminal():
        _drawn(titles, texts, is_number, cut)
        return
    widths = [max(len(title), *map(len, column)) for title, column in zip(titles, columns, strict=True)]
    for row in (titles, *texts):
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        )
        print("  ".join(cells).rstrip())


def pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Names and values, a line each; values keep their line ends, indented."""
    found = [(name, clean(value, lines=True)) for name, value in rows]
    width = max(len(name) for name, _ in found)
    for name, value in found:
        print(f"{name.ljust(width)}  {value.replace(chr(10), chr(10) + ' ' * (width + 2))}")


def _drawn(titles: Sequence[str], rows: Sequence[Sequence[str]], is_number: Sequence[bool], cut: str | None) -> None:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for title, right in zip(titles, is_number, strict=True):
        gives_way = cut in (None, title) or title == titles[0]
        drawn.add_column(
            title, justify="right" if right else "left", overflow="fold", no_wrap=not gives_way, min_width=len(title)
        )
    for row in rows:
        cells = (
            Text(cell, STYLES.get(cell, ""), no_wrap=title == cut, overflow="ellipsis" if title == cut else "fold")
            for title, cell in zip(titles, row, strict=True)
        )
        drawn.add_row(*cells)
    console().print(drawn)
