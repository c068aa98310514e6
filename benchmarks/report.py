"""The figures as a table of at most 80 columns, as JSON, and in the docs."""

import json
import os
import platform
import re
from collections.abc import Iterable
from datetime import date
from io import StringIO
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, Final

import apsw
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figure import RATES, Figure, Goal
from benchmarks.redis.server import SERVERS

WIDTH: Final = 80
DOCS: Final = Path(__file__).resolve().parents[1] / "docs" / "internals" / "benchmarks.md"
MOUNTS: Final = Path("/proc/mounts")
MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def machine(folder: Path) -> str:
    """Where this ran, in a line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"{file_system(folder)}, Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}"
    )


def is_in_memory(folder: Path) -> bool:
    """Whether a commit there reaches no disk."""
    return file_system(folder) in MEMORY


def file_system(folder: Path) -> str:
    """The kind of file system that holds a folder, where the kernel says."""
    if not MOUNTS.exists():
        return "unknown file system"
    mounts = (line.split(" ")[1:3] for line in MOUNTS.read_text("utf-8").splitlines())
    above = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(above, key=lambda mount: len(mount[0]))[1]


def table(figures: Iterable[Figure]) -> Table:
    """A line a figure, below it what the machine did at best at the same time; above those of a server its name."""
    made = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    made.add_column("figure", no_wrap=True, min_width=26)
    for title, width in (("median", 9), ("min–max", 13), ("ratio", 6), ("goal", 9)):
        made.add_column(title, justify="right", no_wrap=True, min_width=width)
    made.add_column("", no_wrap=True, min_width=7)
    for server, found in groupby(figures, lambda figure: figure.server):
        if server:
            made.add_row(server, style="bold")
        for figure in found:
            _add_lines(made, figure)
    return made


def _add_lines(made: Table, figure: Figure) -> None:
    if not figure.samples:
        made.add_row(figure.title, "–", "", "", _goal(figure.goal), "")
    else:
        made.add_row(
            figure.title,
            f"{_number(figure.value)} {_short(figure.unit)}",
            _range(figure.samples),
            _ratio(figure),
            _goal(figure.goal),
            _verdict(figure.is_reached),
        )
    if figure.limit is not None and figure.limit.samples:
        middle = median(figure.limit.samples)
        unit = "rows/s" if figure.unit == "jobs/s" else figure.unit
        made.add_row(
            f"  {figure.limit.title}", f"{_number(middle)} {_short(unit)}", _range(figure.limit.samples), style="dim"
        )


def notes(figures: Iterable[Figure]) -> list[str]:
    """What else is to be said, a line a figure."""
    said = [(figure.title, _note(figure)) for figure in figures]
    return [f"{title}: {note}" for title, note in said if note]


def _note(figure: Figure) -> str:
    if not figure.costs_us:
        return figure.note
    least, most = min(figure.costs_us), max(figure.costs_us)
    return f"{median(figure.costs_us):.1f} µs of processor a job ({least:.1f}–{most:.1f})"


def _verdict(is_reached: bool | None) -> Text:
    if is_reached is None:
        return Text("")
    return Text("reached", "green") if is_reached else Text("missed", "bold red")


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return ""
    return f"{100 * figure.ratio:.0f} %" if figure.unit in RATES else f"{figure.ratio:.1f} x"


def _goal(goal: Goal | None) -> str:
    if goal is None:
        return ""
    if goal.kind == "of the limit at least":
        return f">= {100 * goal.bound:.0f} %"
    if goal.kind == "of the limit at most":
        return f"<= {goal.bound:.1f} x"
    return f"{'>=' if goal.kind == 'at least' else '<='} {goal.bound:,g}"


def _range(samples: list[float]) -> str:
    return "" if len(samples) < 2 else f"{_number(min(samples))}–{_number(max(samples))}"


def _number(value: float) -> str:
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:.1f}k" if size < 100_000 else f"{value / 1000:.0f}k"
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _short(unit: str) -> str:
    return {"jobs/s": "/s", "rows/s": "/s", "commits/s": "/s", "bytes": "B", "commands": ""}.get(
        unit, unit.split(maxsplit=1)[0]
    )


def printed(figures: list[Figure]) -> str:
    """The table as plain text."""
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(table(figures))
    assert isinstance(console.file, StringIO)
    for line in notes(figures):
        console.print(line, highlight=False)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def as_json(figures: list[Figure], repeat: int, folder: Path) -> str:
    """Everything, with every sample."""
    content: dict[str, Any] = {
        "machine": machine(folder),
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day on which somebody ran it, on their calendar
        "repeat": repeat,
        "figures": [figure.as_data() for figure in figures],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_docs(figures: list[Figure], folder: Path, path: Path = DOCS) -> None:
    """Put the tables into the page about benchmarks: that of a disk or of memory, and that of each server."""
    tables: dict[str, list[Figure]] = {}
    for figure in figures:
        bench = figure.name.partition("-")[0]
        kind = bench if bench in SERVERS else "memory" if is_in_memory(folder) else "disk"
        tables.setdefault(kind, []).append(figure)
    for kind, found in tables.items():
        if any(figure.samples for figure in found):
            _write_table(found, kind, folder, path)


def _write_table(figures: list[Figure], kind: str, folder: Path, path: Path) -> None:
    text = path.read_text("utf-8")
    place = re.compile(rf"(<!-- table: {kind} -->\n).*?(<!-- end of table -->)", re.DOTALL)
    today = date.today().isoformat()  # noqa: DTZ011 - as above
    block = f"{machine(folder)}, {today}.\n\n```\n{printed(figures)}\n```\n"
    written, count = place.subn(lambda found: found[1] + block + found[2], text)
    if count != 1:
        raise ValueError(f"{path} has {count} places for the table of a {kind}, not one")
    path.write_text(written, "utf-8")
