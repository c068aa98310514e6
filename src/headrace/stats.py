"""A queue at a glance: what is in it, how old that is, how fast it goes, and who works."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.client import Client
from headrace.core.commands import QueueRecord, Queues, Tallied, Tally, TallyRecord, WorkerRecord, Workers
from headrace.core.jobs import STATES, State
from headrace.core.tallies import MINUTE_MS, quantile_ms, summed
from headrace.storage.protocol import granted

WINDOWS: Final = (1, 5, 15)  # minutes
PERCENTS: Final = (50, 95, 99)


class Stats(Struct, frozen=True):
    """How a queue is doing; spans are seconds.

    `oldest` is how long the ready job that waits longest has stood ready. `rates` are jobs finished in a second, by
    minutes: 1, 5, 15. `wait` and `run` are by per cent: 50, 95, 99; they and `failed_share` are of what finished in the
    last 15 minutes, None if nothing did. Waits and runs are known within a factor of two.
    """

    queue: str
    is_paused: bool
    counts: dict[State, int]
    oldest: float | None
    rates: dict[int, float]
    wait: dict[int, float | None]
    run: dict[int, float | None]
    failed_share: float | None
    workers: tuple[WorkerRecord, ...]


class AppStats(Struct, frozen=True):
    """How all queues are doing: each by its name, and all of them as if they were one.

    `total` has no name, and is paused if all queues are; its workers are all that live.
    """

    queues: dict[str, Stats]
    total: Stats


async def stats_of(client: Client, name: str) -> Stats:
    """How one queue is doing, in one round trip; a queue that does not exist is empty."""
    store = await client.open()
    queues, tallied, workers = await store.run(Queues((name,)), Tally(name, WINDOWS[-1] + 1), Workers())
    found = granted(queues).queues or (QueueRecord(name, is_paused=False, counts=dict.fromkeys(STATES, 0)),)
    return measured(found[0], granted(tallied), _serving(granted(workers).workers, name))


async def stats_of_all(client: Client) -> AppStats:
    """How all queues are doing, in one round trip."""
    store = await client.open()
    queues, tallied, workers = await store.run(Queues(), Tally(None, WINDOWS[-1] + 1), Workers())
    return all_measured(granted(queues).queues, granted(tallied), granted(workers).workers)


def all_measured(queues: Sequence[QueueRecord], tallied: Tallied, workers: Sequence[WorkerRecord]) -> AppStats:
    """The stats of all queues, of what a store said of them at about the same moment."""
    tallies = defaultdict[str, list[TallyRecord]](list)
    for tally in tallied.tallies:
        tallies[tally.queue].append(tally)
    return AppStats(
        {
            queue.name: measured(
                queue, replace(tallied, tallies=(*tallies[queue.name],)), _serving(workers, queue.name)
            )
            for queue in queues
        },
        measured(_together(queues), tallied, workers),
    )


def measured(queue: QueueRecord, tallied: Tallied, workers: Iterable[WorkerRecord]) -> Stats:
    """The stats of a queue that these workers serve, of what a store said of it at about the same moment."""
    recent = _since(tallied, WINDOWS[-1])
    finished, failed = sum(map(_finished, recent)), sum(tally.failed for tally in recent)
    waits, runs = summed(tally.waits for tally in recent), summed(tally.runs for tally in recent)
    return Stats(
        queue=queue.name,
        is_paused=queue.is_paused,
        counts=queue.counts,
        oldest=None if queue.oldest_ms is None else queue.oldest_ms / 1000,
        rates={minutes: _rate(tallied, minutes) for minutes in WINDOWS},
        wait={percent: _quantile(waits, percent) for percent in PERCENTS},
        run={percent: _quantile(runs, percent) for percent in PERCENTS},
        failed_share=failed / finished if finished else None,
        workers=tuple(workers),
    )


def _serving(workers: Iterable[WorkerRecord], queue: str) -> Iterator[WorkerRecord]:
    return (one for one in workers if any(source.queue == queue for source in one.sources))


def _together(queues: Sequence[QueueRecord]) -> QueueRecord:
    """These queues as one."""
    return QueueRecord(
        name="",
        is_paused=bool(queues) and all(queue.is_paused for queue in queues),
        counts={state: sum(queue.counts[state] for queue in queues) for state in STATES},
        oldest_ms=max((queue.oldest_ms for queue in queues if queue.oldest_ms is not None), default=None),
    )


def _since(tallied: Tallied, minutes: int) -> list[TallyRecord]:
    """The tallies of the present minute and of so many before it."""
    first = tallied.until - (minutes + 1) * MINUTE_MS
    return [tally for tally in tallied.tallies if tally.at >= first]


def _rate(tallied: Tallied, minutes: int) -> float:
    span_ms = minutes * MINUTE_MS + tallied.now - (tallied.until - MINUTE_MS)
    return sum(map(_finished, _since(tallied, minutes))) / span_ms * 1000


def _finished(tally: TallyRecord) -> int:
    return tally.completed + tally.failed


def _quantile(counts: tuple[int, ...], percent: int) -> float | None:
    ms = quantile_ms(counts, percent / 100)
    return None if ms is None else ms / 1000
