"""What an app wants to hear of its workers, and what it wraps around every run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from headrace.core.jobs import Failure, JobRef, Lease
from headrace.engine.context import Context

Next: TypeAlias = Callable[[], Awaitable[Any]]
Middleware: TypeAlias = Callable[[Context, Next], Awaitable[Any]]
"""Called around each run: `await next()` runs the handler; what it returns is the job's result."""

_log: Final = logging.getLogger("headrace")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions, async or plain, to be called when something has happened. What they raise is logged."""

    failed: tuple[Callable[[Lease, Failure], Any], ...] = ()  # a job failed for good, and that is recorded
    stalled: tuple[Callable[[JobRef], Any], ...] = ()  # this worker's janitor gave a job back
    started: tuple[Callable[[], Any], ...] = ()
    stopped: tuple[Callable[[], Any], ...] = ()


async def tell(hooks: tuple[Callable[..., Any], ...], *news: object) -> None:
    """Call each hook with the news, all at once, and wait for them."""
    answers = await asyncio.gather(*(_call(hook, news) for hook in hooks), return_exceptions=True)
    for hook, answer in zip(hooks, answers, strict=True):
        if isinstance(answer, Exception):
            _log.error("the hook %s failed", getattr(hook, "__qualname__", hook), exc_info=answer)


async def _call(hook: Callable[..., Any], news: tuple[object, ...]) -> None:
    answer = hook(*news)
    if isawaitable(answer):
        await answer
