"""Outcomes in hand: what has ended and is not recorded yet."""

import logging
from typing import Final

from headrace.core.commands import Settle
from headrace.core.errors import HeadraceError, LeaseLost, Refused
from headrace.engine.run import Run

TRIES_MAX: Final = 5  # for a settlement that breaks the store, other than by the store being away

_log: Final = logging.getLogger("headrace")


class Outbox:
    """Runs with their settlements, in the order in which they ended.

    When the store breaks over a batch, the settlements go one by one until the one that breaks it is found: it is let
    go after some tries, and its job comes back when its lease ends. So one outcome never holds up the others.
    """

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._single = 0

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def is_careful(self) -> bool:
        """Whether settlements go one by one, and nothing with them."""
        return self._single > 0

    def put(self, run: Run) -> None:
        self._runs.append(run)

    def take(self, limit: int) -> list[Run]:
        """Up to `limit` runs, to be recorded now; give them back with `keep` if that fails."""
        if self._single:
            self._single -= 1
            limit = 1
        taken = self._runs
        self._runs = taken[limit:]
        return taken[:limit] if self._runs else taken

    def keep(self, runs: list[Run], error: BaseException) -> Run | None:
        """These were not recorded, for this reason. Gives the run that is let go, if it has come to that."""
        for run in runs:
            run.tries += 1
        if isinstance(error, HeadraceError) or not isinstance(error, Exception):
            self._runs[:0] = runs
            return None
        if len(runs) == 1 and runs[0].tries > TRIES_MAX:
            _log.error("%s/%s: its outcome cannot be recorded and is dropped", runs[0].lease.queue, runs[0].lease.id)
            return runs[0]
        self._runs[:0] = runs
        self._single = len(self._runs)
        return None


def settle_all(runs: list[Run]) -> Settle:
    """The command that records what these came to."""
    return Settle(tuple([run.settlement for run in runs if run.settlement is not None]))


def tell_refused(run: Run, refusal: Refused) -> None:
    """Log that the store did not take an outcome."""
    if run.tries and isinstance(refusal, LeaseLost):
        # The reply to an earlier try was lost on the way; most likely that try did record the outcome.
        _log.info("%s/%s: recorded earlier, or lost: %s", run.lease.queue, run.lease.id, refusal)
    else:
        _log.warning("%s/%s: the outcome was refused and is dropped: %s", run.lease.queue, run.lease.id, refusal)
