"""One job: from a lease to the settlement of its outcome. Whatever a handler does ends here, as a value."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from headrace.core.backoff import DELAY_MAX_MS, Custom
from headrace.core.commands import Settlement
from headrace.core.errors import InvalidData, NoSuchChild
from headrace.core.jobs import Failure, Lease
from headrace.core.lifecycle import settle, settle_deferred
from headrace.core.outcomes import (
    AwaitsChildren,
    Cancelled,
    Done,
    Failed,
    Later,
    Outcome,
    Postponed,
    PutBack,
    RateLimited,
    Unrecoverable,
    WaitForChildren,
)
from headrace.engine.context import Context
from headrace.engine.failures import failure, head
from headrace.engine.hooks import Middleware
from headrace.engine.registry import Arguments, ExecutorName, Handler, Registry
from headrace.engine.run import Run, running
from headrace.executors.protocol import Died, Ended, Executor, Unready

CHILDLESS_MS: Final = 1_000  # the pause of a job that has asked to wait for children and has none to wait for
NOBODY_MS: Final = 5_000  # a job that was claimed without a handler for it comes back after this
PAUSE_UNKNOWN_MS: Final = 60_000  # the pause when a custom backoff is missing or breaks

_log: Final = logging.getLogger("headrace")

Finish: TypeAlias = Callable[[Run, Settlement | None], None]
"""Told once a run has ended, with what to record; None when there is nothing to be recorded."""


class Runner:
    """Runs the jobs of one worker. `chance` draws from [0, 1) for the jitter of backoffs.

    In a child process (`is_inside`) it does not keep the time of jobs: the worker does, which can also kill. Arguments
    that are results of children are read where the function runs, once.
    """

    def __init__(
        self,
        registry: Registry,
        executors: Mapping[ExecutorName, Executor],
        *,
        middleware: tuple[Middleware, ...] = (),
        chance: Callable[[], float] = random.random,
        is_inside: bool = False,
    ) -> None:
        self._registry = registry
        self._executors = executors
        self._middleware = middleware
        self._chance = chance
        self._is_inside = is_inside
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, run: Run, finish: Finish) -> None:
        """Run a job in a task of its own, always on the same loop; `finish` is called when it has ended, however."""
        if run.lease.deferred is not None:
            finish(run, settle_deferred(run.lease, run.lease.deferred))
        else:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()  # a system call, before Python 3.12
            run.task = self._loop.create_task(self._run(run, finish))

    async def _run(self, run: Run, finish: Finish) -> None:
        outcome = await self.outcome(run)
        run.task = None  # task, context, run: a ring that only the garbage collector would open
        finish(run, None if outcome is None else settle(run.lease, outcome, self._chance()))

    async def outcome(self, run: Run) -> Outcome | None:
        """Run a job in the current task, and say how that ended; None when it counts for nothing."""
        run.has_begun = True
        running.set(run)
        lease = run.lease
        handler = self._registry.find(lease.queue, lease.name)
        try:
            if run.why is not None:
                return _stopped(run)
            if handler is None:
                return _nobody(lease)
            return await self._perform(run, handler)
        except BaseException as error:  # SystemExit too: a handler ends its own run, never the worker
            if asyncio._get_running_loop() is None:
                raise  # nobody runs any more: the task itself is being thrown away
            return self._ending(run, handler, error)

    async def _perform(self, run: Run, handler: Handler) -> Outcome | None:
        lease = run.lease
        try:
            arguments = handler.parse(lease)
            if handler.from_children and (self._is_inside or handler.executor != "process"):
                arguments = await _from_children(run, handler, arguments)
        except (InvalidData, NoSuchChild) as error:
            kind = type(error).__name__
            why = Failure(head(str(error)), "invalid-data", kind=kind, attempt=lease.attempts_made + 1)
            return Failed(why, is_retryable=False)
        if lease.options.timeout_ms is not None and not self._is_inside:
            result = await self._within(run, handler, arguments, lease.options.timeout_ms / 1000)
        elif self._middleware:
            result = await self._wrapped(run, handler, arguments)
        else:
            result = await self._executors[handler.executor].run(handler.function, *arguments)
        if run.why == "lease-lost":
            return None
        try:
            return Done(handler.dump(result))
        except Exception as error:
            return Failed(failure(error, lease.attempts_made + 1, "unrecoverable"), is_retryable=False)

    async def _within(self, run: Run, handler: Handler, arguments: Arguments, timeout_s: float) -> Any:
        scope = asyncio.timeout(timeout_s)
        try:
            async with scope:
                return await self._wrapped(run, handler, arguments)
        finally:
            if scope.expired():
                # Also when the handler swallowed the cancellation and returned something, or raised something else.
                run.why = run.why or "timeout"
                raise TimeoutError(f"not done within {timeout_s:g} s")

    async def _wrapped(self, run: Run, handler: Handler, arguments: Arguments) -> Any:
        call: Callable[[], Awaitable[Any]] = partial(
            self._executors[handler.executor].run, handler.function, *arguments
        )
        for around in reversed(self._middleware):
            call = partial(around, Context(run), call)
        return await call()

    def _ending(self, run: Run, handler: Handler | None, error: BaseException) -> Outcome | None:
        """The outcome of a run that raised."""
        try:
            if isinstance(error, Died) and run.why is None:
                run.why = "crashed"
                _log.error("%s/%s: %s; the job is given back as stalled", run.lease.queue, run.lease.id, error)
            return _raised(run, handler, error) if run.why in (None, "timeout") else _stopped(run)
        except Exception as second:  # what it raised cannot be read: Later("soon"), for instance
            return Failed(failure(second, run.lease.attempts_made + 1))


def _stopped(run: Run) -> Outcome | None:
    match run.why:
        case "cancelled":
            return Cancelled(run.reason)
        case "put-back":
            return PutBack()
        case _:
            return None


def _raised(run: Run, handler: Handler | None, error: BaseException) -> Outcome | None:
    lease = run.lease
    if run.why == "timeout":
        return _failed(lease, handler, failure(error, lease.attempts_made + 1, "timeout"))
    match error:
        case Ended(outcome=outcome):
            return outcome
        case Unready():
            _log.error("%s/%s: %s; it is put off", lease.queue, lease.id, error)
            return Postponed(NOBODY_MS)
        case Unrecoverable():
            return Failed(failure(error, lease.attempts_made + 1, "unrecoverable"), is_retryable=False)
        case Later(seconds=seconds):
            return Postponed(_ms(seconds))
        case RateLimited(seconds=seconds):
            return PutBack(_ms(seconds))
        case WaitForChildren():
            # A run that added none, and finds nothing to wait for, would come back at once, and again, for ever.
            return AwaitsChildren(0 if run.has_added else CHILDLESS_MS)
        case _:
            return _failed(lease, handler, failure(error, lease.attempts_made + 1))


async def _from_children(run: Run, handler: Handler, arguments: Arguments) -> Arguments:
    """The arguments with those that were not given and are the results of children."""
    places, given = arguments
    context = Context(run)
    found = {name: await context.child(task) for name, task in handler.from_children.items() if name not in given}
    return places, given | found


def _failed(lease: Lease, handler: Handler | None, why: Failure) -> Failed:
    backoff = lease.options.backoff
    if not isinstance(backoff, Custom) or handler is None or why.attempt >= lease.options.attempts:
        return Failed(why)
    pause = handler.pauses.get(backoff.name)
    if pause is None:
        _log.error("no backoff is registered as %r; %s/%s waits a minute", backoff.name, lease.queue, lease.id)
        return Failed(why, pause_ms=PAUSE_UNKNOWN_MS)
    try:
        seconds = pause(why.attempt, why)
        return Failed(why, is_retryable=False) if seconds is None else Failed(why, pause_ms=_ms(seconds))
    except Exception:
        _log.exception("the backoff %r failed; %s/%s waits a minute", backoff.name, lease.queue, lease.id)
        return Failed(why, pause_ms=PAUSE_UNKNOWN_MS)


def _nobody(lease: Lease) -> Outcome:
    _log.error("%s/%s: no handler for %r, though one was claimed for; it is put off", lease.queue, lease.id, lease.name)
    return Postponed(NOBODY_MS)


def _ms(seconds: float) -> int:
    return max(0, int(min(seconds * 1000, DELAY_MAX_MS)))
