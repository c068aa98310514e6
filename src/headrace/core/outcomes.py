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
    """The handler added children and asked to run again when they are done."""


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
    """Fail the job now; no attempt that is left will be made."""


class Later(Signal):
    """Run the job again after `seconds`, without using up an attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class RateLimited(Signal):
    """Put the job back at the front, unburnt, and let its queue rest for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"rate limited for {seconds} s")
        self.seconds = seconds


class WaitForChildren(Signal):
    """Run the job again from the top when the children it has added are done."""
