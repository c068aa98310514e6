"""`headrace stats`: all queues at a glance."""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from headrace.cli import output
from headrace.cli.failure import say
from headrace.cli.options import SHOWN, Shown
from headrace.cli.store import opened
from headrace.cli.text import span
from headrace.stats import AppStats, Stats

TITLES: Final = ("QUEUE", "READY", "OLDEST", "ACTIVE", "PER MIN", "FAILED", "WAIT p95", "RUN p95", "WORKERS")
TOTAL: Final = "(all)"


async def stats(*, common: Shown = SHOWN) -> None:
    """Show how all queues are doing: what is ready and how old, rates over 5 minutes, failures, waits, runs, workers.

    Example: headrace stats
    """
    async with opened(common) as store:
        found = await store.stats()
    if common.json:
        queues = [structs.asdict(queue) for queue in found.queues.values()]
        output.document({"queues": queues, "total": structs.asdict(found.total)})
    elif found.queues:
        output.table(TITLES, _rows(found))
    else:
        say("there are no queues yet")


def _rows(found: AppStats) -> Iterator[tuple[str, ...]]:
    for name, queue in found.queues.items():
        yield name, *_cells(queue)
    yield TOTAL, *_cells(found.total)


def _cells(queue: Stats) -> tuple[str, ...]:
    return (
        str(queue.counts["waiting"] + queue.counts["prioritized"]),
        _span(queue.oldest),
        str(queue.counts["active"]),
        f"{queue.rates[5] * 60:.1f}",
        "-" if queue.failed_share is None else f"{queue.failed_share:.1%}",
        _span(queue.wait[95]),
        _span(queue.run[95]),
        str(len(queue.workers)),
    )


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else span(round(seconds * 1000))
