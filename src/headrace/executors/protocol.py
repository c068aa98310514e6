"""What a runner asks of the place where functions run."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol


class Executor(Protocol):
    """A place where functions run. To cancel what `run` gives is to give up on the call."""

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        """Call the function there, in the caller's context, and wait for what it returns or raises."""
        ...

    def close(self) -> None:
        """Take no more calls. What still runs is left to itself. Idempotent."""
        ...
