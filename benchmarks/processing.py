"""Jobs that wait, processed and recorded by one worker process."""

from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bench import Bench
from benchmarks.children import ask
from benchmarks.figure import Figure, Goal, Limit
from benchmarks.inside import Answer
from headrace.storage.sql.limits import rows_per_second

COUNTS: Final = {100: 30_000, 10: 12_000, 1: 2_500}  # jobs in a sample, by concurrency: about a second each
GOALS: Final = {100: Goal(30_000), 10: Goal(15_000), 1: Goal(0.35, "of the limit at least")}
LOSS_MAX: Final = 15.0  # per cent, with many finished jobs in the file
FINISHED: Final = 1_000_000
PAIRS_MAX: Final = 3


def processed(bench: Bench) -> list[Figure]:
    """At concurrency 100, 10 and 1, in a file with nothing else."""
    return [_processed(bench, concurrency) for concurrency in COUNTS]


def _processed(bench: Bench, concurrency: int) -> Figure:
    limit = Limit("one row a commit" if concurrency == 1 else f"{concurrency} rows a commit")
    title = f"processed, {concurrency} at once"
    figure = Figure(f"processed-{concurrency}", title, "jobs/s", limit=limit, goal=GOALS[concurrency])
    for _ in range(bench.times()):
        file = bench.file()
        bench.pair_costly(
            figure,
            partial(_drained, bench, file, concurrency),
            partial(rows_per_second, bench.folder, concurrency),
        )
        bench.drop(file)
    return figure


def with_a_million_finished(bench: Bench) -> list[Figure]:
    """The same with a million finished jobs in the file: the best of some rates, beside the best in an empty file."""
    full = bench.file()
    ask("fill_finished", full, count=bench.amount(FINISHED))
    figures = [_loss(bench, full, concurrency) for concurrency in COUNTS]
    bench.drop(full)
    return figures


def _loss(bench: Bench, full: Path, concurrency: int) -> Figure:
    title = f"1M finished, {concurrency} at once"
    figure = Figure(f"million-{concurrency}", title, "% less", goal=Goal(LOSS_MAX, "at most"))
    fulls: list[Answer] = []
    twins: list[Answer] = []
    for _ in range(bench.times(PAIRS_MAX)):
        empty = bench.file()
        twins.append(_drained(bench, empty, concurrency))
        bench.drop(empty)
        fulls.append(_drained(bench, full, concurrency))
    # What else the machine does can only slow a sample down, and by more than what is looked for here.
    best, best_twin = (max(answer["rate"] for answer in answers) for answers in (fulls, twins))
    figure.samples.append(100 * (1 - best / best_twin))
    costs = [median(answer["processor_us"] for answer in answers) for answers in (fulls, twins)]
    figure.note = (
        f"{best:,.0f} jobs/s beside {best_twin:,.0f}; {costs[0]:.1f} µs of processor a job beside {costs[1]:.1f}"
    )
    return figure


def _drained(bench: Bench, file: Path, concurrency: int) -> Answer:
    count = bench.amount(COUNTS[concurrency])
    ask("fill", file, count=count)
    return ask("drain", file, concurrency=concurrency, count=count)
