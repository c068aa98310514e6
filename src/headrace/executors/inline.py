"""Async functions run on the worker's own loop."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from types import CoroutineType
from typing import Any


class InlineExecutor:
    """Calls the function here and now. A plain function holds the loop for as long as it takes."""

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
        made = function(*args, **kwargs)
        # The coroutine itself, not one more around it: this is the path of nearly every job.
        return made if type(made) is CoroutineType or isawaitable(made) else _value(made)

    def close(self) -> None:
        pass


async def _value(value: object) -> object:
    return value
