"""Short turns: those whose transaction costs less than the way to another thread and back.

Two threads of one interpreter take turns anyway, and to hand over costs about as much as the transaction of ten jobs.
So the loop does a short turn itself, as long as that proves to be quick: after one that was slow (a cold cache, a disk
that makes writers wait) turns go to the thread for a while.
"""

from collections.abc import Iterable
from time import perf_counter
from typing import Final

from headrace.core.commands import Add, Claim, Settle
from headrace.storage.sql.calls import Call
from headrace.storage.sql.lite import Joint

JOBS_MAX: Final = 50  # half a millisecond; with more of them, working side by side is worth the way
SIZE_MAX: Final = 65_536  # characters of data and results
SLOW_S: Final = 0.005
REST: Final = 10  # times as long as a slow turn took: it is held up for a tenth of the time at most


class Patience:
    """Whether the loop may do a turn itself, by the turn and by how long the last ones took."""

    __slots__ = ("_rests_until",)

    def __init__(self) -> None:
        self._rests_until = float("-inf")

    def allows(self, turn: Iterable[Call]) -> bool:
        """Whether this turn is to be short, and those before it were."""
        return perf_counter() >= self._rests_until and is_short(turn)

    def note(self, began: float) -> None:
        """A turn that the loop has done itself began at this time of the performance counter."""
        now = perf_counter()
        if now - began > SLOW_S:
            self._rests_until = now + REST * (now - began)


def is_short(turn: Iterable[Call]) -> bool:
    """Whether these calls are few and small commands of the hot path."""
    jobs = size = 0
    for call in turn:
        for command in call.commands:
            texts: Iterable[str | None] = ()
            if isinstance(command, Claim):
                jobs += command.limit
            elif isinstance(command, Settle):
                jobs += len(command.settlements)
                texts = (settlement.result for settlement in command.settlements)
            elif isinstance(command, Add | Joint):
                jobs += len(command.jobs)
                texts = (job.data for job in command.jobs)
            else:
                return False
            if jobs > JOBS_MAX:
                return False
            size += sum([len(text) for text in texts if text is not None])
    return size <= SIZE_MAX
