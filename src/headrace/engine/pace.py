"""The rate of a worker: how many jobs it may start now, and when it may start more.

It looks back on its own starts, by a clock that never steps; other workers have theirs. What all of them may start
together is a limit of the queue.
"""

import asyncio
from collections.abc import Callable

from headrace.core.limits import Rate, Starts, startable, startable_at, started


class Pace:
    """Bounds the starts of one worker. `opened` is called when jobs may start after none could.

    Instants are whole milliseconds here, so the span is looked at as one longer: the rate is never exceeded.
    """

    def __init__(self, opened: Callable[[], None]) -> None:
        self.rate: Rate | None = None
        """The rate that is set."""
        self._opened = opened
        self._starts: Starts = ()
        self._timer: asyncio.TimerHandle | None = None

    def change(self, rate: Rate | None) -> None:
        """Another rate from now on, or none. Starts that were seen count for it, as far as they are remembered."""
        self._starts = self._starts if rate is not None else ()
        self.rate = rate
        self.stop()
        self._opened()

    def fit(self, asked: int) -> int:
        """As many of these jobs as may start now."""
        if self.rate is None:
            return asked
        now, looked_at = _now(), _longer(self.rate)
        fit = min(asked, startable(looked_at, self._starts, now))
        if fit == 0 < asked:
            self.stop()
            at = startable_at(looked_at, self._starts, now)
            self._timer = asyncio.get_running_loop().call_at(at / 1000, self._opened)
        return fit

    def note(self, count: int) -> None:
        """So many jobs have started."""
        if self.rate is not None and count:
            self._starts = started(_longer(self.rate), self._starts, _now(), count)

    def stop(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


def _now() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def _longer(rate: Rate) -> Rate:
    return Rate(rate.most, rate.per_ms + 1)
