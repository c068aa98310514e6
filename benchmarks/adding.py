"""Jobs added: how many a second, and how large they are in the file."""

from functools import partial
from typing import Final

from benchmarks.bench import Bench
from benchmarks.children import ask
from benchmarks.figure import Figure, Goal, Limit
from headrace.cli.measures import BULK
from headrace.storage.sql.limits import SMALL_JOB, rows_per_second

BULK_COUNT: Final = 100_000
SINGLE_COUNT: Final = 40_000
SIZED_COUNT: Final = 50_000
TASKS: Final = 100


def added_in_bulk(bench: Bench) -> list[Figure]:
    """With enqueue_many of a thousand calls, one after the other: the calls made before, and made in between."""
    figures = [
        Figure("bulk", f"added, {BULK:,} at once", "jobs/s", limit=_rows(), goal=Goal(250_000)),
        Figure("bulk-made", "making the calls, too", "jobs/s", limit=_rows()),
    ]
    for figure, measurement in zip(figures, ("add_many_made", "add_many"), strict=True):
        for _ in range(bench.times()):
            file = bench.file()
            bench.pair_costly(
                figure,
                lambda: ask(measurement, file, count=bench.amount(BULK_COUNT)),  # noqa: B023 - called at once
                partial(rows_per_second, bench.folder, BULK),
            )
            bench.drop(file)
    return figures


def _rows() -> Limit:
    return Limit(f"{BULK:,} rows a commit")


def added_one_by_one(bench: Bench) -> list[Figure]:
    """Each awaited, from a hundred tasks."""
    limit = Limit(f"{TASKS} rows a commit")
    figure = Figure("single", f"added singly, {TASKS} tasks", "jobs/s", limit=limit, goal=Goal(60_000))
    for _ in range(bench.times()):
        file = bench.file()
        bench.pair_costly(
            figure,
            lambda: ask("add_single", file, count=bench.amount(SINGLE_COUNT), tasks=TASKS),  # noqa: B023
            partial(rows_per_second, bench.folder, TASKS),
        )
        bench.drop(file)
    return [figure]


def size_in_the_file(bench: Bench) -> list[Figure]:
    """What a small waiting job adds to the file, once the log is written back into it."""
    count = bench.amount(SIZED_COUNT)
    limit = Limit("name and data alone", [float(sum(map(len, SMALL_JOB)))])
    figures = [
        Figure("bytes-bulk", "size, added in bulk", "bytes", limit=limit, goal=Goal(250, "at most")),
        Figure("bytes-single", "size, added singly", "bytes", limit=limit, goal=Goal(250, "at most")),
    ]
    for figure, measurement in zip(figures, ("add_many", "add_single"), strict=True):
        given = {"tasks": TASKS} if measurement == "add_single" else {}
        empty, full = bench.file(), bench.file()
        ask("fill", empty, count=0)
        ask(measurement, full, count=count, **given)
        figure.samples.append((full.stat().st_size - empty.stat().st_size) / count)
        bench.drop(empty)
        bench.drop(full)
    return figures
