"""Time that passes only when everybody waits for it: hours of a worker's life in milliseconds, the same every run."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

P = ParamSpec("P")

STUCK_S = 5.0  # real seconds without anything to do and nothing to wait for


class _Selector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the clock there."""

    loop: "SimulatedLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:  # only a thread can have news
            ready = super().select(STUCK_S)
            assert ready, "everything waits for nothing"
            return ready
        self.loop.now += max(timeout, 1e-6)  # less would be lost in rounding
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 1_000_000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def simulated(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in simulated time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    return asyncio.get_running_loop().time()


def clock() -> int:
    """The clock of a store in simulated time."""
    return round(asyncio.get_running_loop().time() * 1000)
