"""What a runner asks of the place where functions run."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from headrace.core.outcomes import Outcome


class Executor(Protocol):
    """A place where functions run. To cancel what `run` gives is to give up on the call."""

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        """Call the function there, in the caller's context, and wait for what it returns or raises."""
        ...

    def close(self) -> None:
        """Take no more calls. What still runs is left to itself, or killed where that can be. Idempotent."""
        ...


class Ended(Exception):
    """The function ended elsewhere, other than by returning; `outcome` says how, None that it counts for nothing."""

    def __init__(self, outcome: Outcome | None) -> None:
        super().__init__(_said(outcome))
        self.outcome = outcome


class Died(Exception):
    """The place where the function ran is gone, and nobody knows how far it had come."""


class Unready(Exception):
    """There is no place where the function could run; it was not called."""


def _said(outcome: Outcome | None) -> str:
    failure = getattr(outcome, "failure", None)
    return f"{failure.kind}: {failure.reason}" if failure is not None else type(outcome).__name__
