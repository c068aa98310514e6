"""Tallies: what finished in each minute, and how long it had waited and run, in buckets that can be added up.

Bucket 0 counts spans of 0 ms, bucket n those from 2^(n-1) to 2^n - 1 ms, the last one all that are longer. So a span is
known within a factor of two, and counts of any minutes, tasks and queues make one sum.
"""

from collections.abc import Iterable, Sequence
from typing import Final

BUCKETS: Final = 32  # the last one begins after twelve days
_LONGEST: Final = 1 << (BUCKETS - 2)
MINUTE_MS: Final = 60_000
TALLIES_KEPT_MINUTES: Final = 24 * 60
TALLIES_FORGOTTEN_MAX: Final = 1_000  # minutes, over all queues, that one Recover forgets
TALLY_NAMES_MAX: Final = 50  # task names counted apart in one queue and minute; the others share the name ""


def bucket(ms: int) -> int:
    """The bucket of a span; one that a clock turned negative counts as none."""
    if ms <= 0:
        return 0
    return ms.bit_length() if ms < _LONGEST else BUCKETS - 1


def first_minute(now: int, minutes: int) -> int:
    """The number of the first of the last `minutes` minutes, that of `now` included, as far as tallies are kept."""
    return now // MINUTE_MS - min(minutes, TALLIES_KEPT_MINUTES) + 1


def summed(counts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Buckets added up."""
    return tuple(map(sum, zip((0,) * BUCKETS, *counts, strict=True)))


def quantile_ms(counts: Sequence[int], share: float) -> float | None:
    """The span that this share of the counted ones did not exceed, drawn evenly within its bucket; None without any."""
    rank = share * sum(counts)
    for number, count in enumerate(counts):
        if count and rank <= count:
            low = 1 << number >> 1
            return low + max(low - 1, 0) * rank / count
        rank -= count
    return None
