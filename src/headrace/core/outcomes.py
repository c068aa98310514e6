"""How a run of a job can end: the values a runner hands to `lifecycle.settle`, and the signals handlers raise."""

from typing import TypeAlias

from msgspec import Struct

from headrace.core.jobs import Failure


class Done(Struct, frozen=True, tag=True):
    """The handler returned; `result` is JSON text."""

    result: str = "null"


class Failed(Struct, frozen=True, tag=True):
    """The handler raised. `pause_ms` overrides the job's backoff (a custom backoff computed it)."""

    failure: Failure
    is_retryable: bool = True
    pause_ms: int | None = None


class Postponed(Struct, frozen=True, tag=True):
    """The handler asked to run again later, without using up an attempt: the way to poll."""

    delay_ms: int


class AwaitsChildren(Struct, frozen=True, tag=True):
    """The handler asked to run again when its children are done; if they are already, after `pause_ms`."""

    pause_ms: int = 0


class PutBack(Struct, frozen=True, tag=True):
    """The job was not run, or not to its end, through no fault of its own; the queue rests for `rest_ms`."""

    rest_ms: int = 0


class Cancelled(Struct, frozen=True, tag=True):
    """Somebody asked for this job to be cancelled while it ran."""

    reason: str = "cancelled"


Outcome: TypeAlias = Done | Failed | Postponed | AwaitsChildren | PutBack | Cancelled


class Signal(Exception):
    """What a handler raises to end its run in another way than by success or error."""


class Unrecoverable(Signal):
    """Fail the job now; no attempt that is left will be made.

    Examples:
        >>> raise headrace.Unrecoverable("there is no such zone")
        Traceback (most recent call last):
        headrace.core.outcomes.Unrecoverable: there is no such zone
    """


class Later(Signal):
    """Run the job again after `seconds`, without using up an attempt.

    Examples:
        >>> raise headrace.Later(60)
        Traceback (most recent call last):
        headrace.core.outcomes.Later: again in 60 s
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class RateLimited(Signal):
    """Put the job back at the front, unburnt, and let its queue rest for `seconds`.

    Examples:
        >>> raise headrace.RateLimited(5)
        Traceback (most recent call last):
        headrace.core.outcomes.RateLimited: rate limited for 5 s
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"rate limited for {seconds} s")
        self.seconds = seconds


class WaitForChildren(Signal):
    """Run the job again from the top when its children are done, without using up an attempt.

    If they are done already it runs again at once; if it has added none in this run, a second later.
    """
