"""The numbers that a worker can work with."""

from typing import Final

from headrace.core.errors import InvalidOption
from headrace.core.settings import CONCURRENCY_MAX

LEASE_MIN_MS: Final = 100


def check_concurrency(concurrency: int) -> None:
    """`InvalidOption` unless it is a number of jobs that a worker can run at once."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int):
        raise InvalidOption(f"concurrency is {type(concurrency).__name__}; it is a whole number")
    if not 1 <= concurrency <= CONCURRENCY_MAX:
        raise InvalidOption(f"concurrency must be from 1 to {CONCURRENCY_MAX}, not {concurrency}")


def check_numbers(concurrency: int, lease_ms: int, poll_ms: int) -> None:
    """`InvalidOption` if one of them is wrong."""
    check_concurrency(concurrency)
    if lease_ms < LEASE_MIN_MS:
        raise InvalidOption(f"a lease must be of {LEASE_MIN_MS} ms or more, not {lease_ms}")
    if poll_ms <= 0:
        raise InvalidOption(f"the poll interval must be positive, not {poll_ms} ms")
