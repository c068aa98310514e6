"""Jobs that wait, processed and recorded by one worker process."""

from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bench import Bench
from benchmarks.children import ask
from benchmarks.figure import Figure, Goal, Limit
from benchmarks.inside import Answer
from benchmarks.limits import rows_per_second

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
    """What the same costs when many finished jobs lie in the file. Each sample has its twin in an empty file."""
    full = bench.file()
    ask("fill_finished", full, count=bench.amount(FINISHED))
    figures = [_loss(bench, full, concurrency) for concurrency in COUNTS]
    bench.drop(full)
    return figures


def _loss(bench: Bench, full: Path, concurrency: int) -> Figure:
    title = f"1M finished, {concurrency} at once"
    goal = Goal(LOSS_MAX, "at most")
    figure = Figure(f"million-{concurrency}", title, "% less", goal=goal)
    fulls: list[Answer] = []
    twins: list[Answer] = []
    for _ in range(bench.times(PAIRS_MAX)):
        empty = bench.file()
        twins.append(_drained(bench, empty, concurrency))
        bench.drop(empty)
        fulls.append(_drained(bench, full, concurrency))
        figure.samples.append(100 * (1 - fulls[-1]["rate"] / twins[-1]["rate"]))
    figure.note = (
        f"{_middle(fulls, 'rate'):,.0f} jobs/s beside {_middle(twins, 'rate'):,.0f}; "
        f"{_middle(fulls, 'processor_us'):.1f} µs of processor a job beside {_middle(twins, 'processor_us'):.1f}"
    )
    return figure


def _middle(answers: list[Answer], key: str) -> float:
    return median(answer[key] for answer in answers)


def _drained(bench: Bench, file: Path, concurrency: int) -> Answer:
    count = bench.amount(COUNTS[concurrency])
    ask("fill", file, count=count)
    return ask("drain", file, concurrency=concurrency, count=count)
