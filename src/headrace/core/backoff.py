"""How long a failed job waits before its next attempt. The formulas are BullMQ's.

https://docs.bullmq.io/guide/retrying-failing-jobs: fixed is `delay`; exponential is `delay * 2 ** (attempt - 1)`,
`attempt` counting the one that failed; jitter `j` draws uniformly from `[(1 - j) * d, d)`.
"""

from typing import Final, TypeAlias

from msgspec import Struct

DELAY_MAX_MS: Final = 365 * 24 * 3600 * 1000  # a year: beyond it a doubling is a mistake, not a plan


class Fixed(Struct, frozen=True, tag="fixed", tag_field="type", omit_defaults=True):
    """The same pause before every attempt."""

    delay_ms: int
    jitter: float = 0.0


class Exponential(Struct, frozen=True, tag="exponential", tag_field="type", omit_defaults=True):
    """A pause that doubles with every attempt, up to `max_ms`."""

    delay_ms: int
    jitter: float = 0.0
    max_ms: int = DELAY_MAX_MS


class Custom(Struct, frozen=True, tag="custom", tag_field="type"):
    """A pause computed by the function that the worker's app registered under `name`."""

    name: str


Backoff: TypeAlias = Fixed | Exponential | Custom


def pause_ms(backoff: Backoff | None, attempt: int, chance: float) -> int:
    """The milliseconds to wait after attempt number `attempt` (from 1) failed; `chance` is a draw from [0, 1).

    A `Custom` backoff gives 0 here: the runner asks its function and hands the answer to `lifecycle.settle`.
    """
    match backoff:
        case Fixed(delay_ms, jitter):
            return _jittered(delay_ms, jitter, chance)
        case Exponential(delay_ms, jitter, max_ms):
            # The shift is capped: 2 ** 60 milliseconds is beyond every maximum already.
            return _jittered(min(delay_ms << min(attempt - 1, 60), max_ms, DELAY_MAX_MS), jitter, chance)
        case _:
            return 0


def _jittered(delay_ms: int, jitter: float, chance: float) -> int:
    lowest = delay_ms * (1.0 - jitter)
    return int(lowest + (delay_ms - lowest) * chance) if jitter else delay_ms
