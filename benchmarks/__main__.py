"""`python -m benchmarks [NAME…] [--repeat N] [--quick] [--json FILE] [--write-docs]`."""

import argparse
import ast
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import adding, footprint, machine, processing, report, waiting
from benchmarks.bench import Bench, Measure
from benchmarks.figure import Figure
from benchmarks.redis import beside

REPEAT: Final = 5
BENCHES: Final[Mapping[str, Measure]] = {
    "machine": machine.machine,
    "processed": processing.processed,
    "million": processing.with_a_million_finished,
    "bulk": adding.added_in_bulk,
    "single": adding.added_one_by_one,
    "bytes": adding.size_in_the_file,
    "latency": waiting.one_process,
    "latency-across": waiting.two_processes,
    "idle": waiting.idle_worker,
    "memory": footprint.memory,
    "start": footprint.starting,
    "import": footprint.importing,
    "redis": beside.on_valkey,
    "redis7": beside.on_redis7,
}


def main(given: list[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    options = _parser().parse_args(given)
    if options.list:
        _list()
        return
    repeat = 1 if options.quick else options.repeat
    console = Console(width=min(report.WIDTH, Console().width))
    folder = options.dir or Path(tempfile.gettempdir())
    console.print(report.machine(folder), highlight=False)
    figures = _measured(options.names or list(BENCHES), repeat, folder, is_quick=options.quick)
    console.print(report.table(figures), highlight=False)
    for line in report.notes(figures):
        console.print(line, highlight=False)
    if options.json:
        options.json.write_text(report.as_json(figures, repeat, folder), "utf-8")
    if options.write_docs:
        report.write_docs(figures, folder)
    for name, line in _probes():
        console.print(f"See also: python -m benchmarks.{name}: {line}", highlight=False, style="dim")


def _measured(names: list[str], repeat: int, folder: Path, *, is_quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=folder) as place:
            figures += BENCHES[name](Bench(Path(place), repeat, is_quick))
        for figure in figures if report.is_in_memory(folder) else ():
            figure.without_disk()
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="How fast and how small Headrace is here.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHES, []], help="; ".join(BENCHES))
    parser.add_argument("--repeat", type=int, default=REPEAT, metavar="N", help="repetitions of each (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="once, with few jobs: to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to this file")
    parser.add_argument("--dir", type=Path, help="measure on the disk of this directory (that of temporary files)")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {report.DOCS.name}")
    parser.add_argument("--list", action="store_true", help="say what there is, and measure nothing")
    return parser


def _list() -> None:
    for name, measure in BENCHES.items():
        print(f"{name:16}{measure.__doc__}")
    for name, line in _probes():
        print(f"{name:16}{line} (python -m benchmarks.{name})")


def _probes() -> list[tuple[str, str]]:
    """The probes of other engines: they start servers, so that each is run by itself."""
    found = []
    for path in sorted(Path(__file__).parent.glob("probe*.py")):
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        found.append((path.stem, doc.partition("\n")[0]))
    return found


if __name__ == "__main__":
    main()
