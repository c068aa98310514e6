"""The last hour of a queue for people: a line of blocks, and a table by task."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from headrace.cli.text import span
from headrace.core.commands import Tallied, TallyRecord
from headrace.core.tallies import MINUTE_MS, quantile_ms, summed
from headrace.stats import Stats

MINUTES: Final = 60
TITLES: Final = ("TASK", "DONE", "FAILED", "WAIT p50", "p95", "RUN p50", "p95")
OTHERS: Final = "(other tasks)"
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_NONE: Final = "·"


def hour(found: Tallied) -> str:
    """A block a minute, the present one last, as high as what finished in it beside the busiest one."""
    counts = [0] * MINUTES
    for tally in found.tallies:
        place = MINUTES - (found.until - tally.at) // MINUTE_MS
        counts[place] += tally.completed + tally.failed
    most = max(counts)
    return "".join(_BLOCKS[(count * len(_BLOCKS) - 1) // most] if count else _NONE for count in counts)


def recent(stats: Stats) -> Iterator[tuple[str, str]]:
    """How many jobs finish, over the last minutes, and how many of them fail."""
    rates = (f"{rate * 60:.1f} in {minutes} min" for minutes, rate in stats.rates.items())
    yield "jobs a minute", ", ".join(rates)
    if stats.failed_share is not None:
        yield "failed of them", f"{stats.failed_share:.1%}"


def rows(found: Tallied) -> Iterator[tuple[str, ...]]:
    """A row a task, the one with the most jobs first."""
    by_name: defaultdict[str, list[TallyRecord]] = defaultdict(list)
    for tally in found.tallies:
        by_name[tally.name].append(tally)
    for name, tallies in sorted(by_name.items(), key=lambda item: (-sum(map(_all, item[1])), item[0])):
        spans = (summed(tally.waits for tally in tallies), summed(tally.runs for tally in tallies))
        done, failed = sum(tally.completed for tally in tallies), sum(tally.failed for tally in tallies)
        times = (_about(counts, share) for counts in spans for share in (0.5, 0.95))
        yield name or OTHERS, str(done), str(failed), *times


def _all(tally: TallyRecord) -> int:
    return tally.completed + tally.failed


def _about(counts: tuple[int, ...], share: float) -> str:
    ms = quantile_ms(counts, share)
    return "-" if ms is None else span(round(ms))
