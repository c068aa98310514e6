"""The machine itself, without anything of ours: what the ratios of the other figures refer to."""

from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.limits import hand_over_us, task_us
from headrace.cli.measures import BULK
from headrace.storage.sql.limits import rows_per_second


def machine(bench: Bench) -> list[Figure]:
    """Commits, rows, tasks and threads."""
    commits = Figure("machine-commits", "one row a commit", "commits/s")
    rows = Figure("machine-rows", f"{BULK:,} rows a commit", "rows/s")
    tasks = Figure("machine-task", "a task made and run", "µs")
    hand_over = Figure("machine-thread", "to a thread and back", "µs")
    for _ in range(bench.times()):
        commits.samples.append(rows_per_second(bench.folder, 1))
        rows.samples.append(rows_per_second(bench.folder, BULK))
        tasks.samples.append(task_us())
        hand_over.samples.append(hand_over_us())
    return [commits, rows, tasks, hand_over]
