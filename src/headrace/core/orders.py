"""What workers are told from elsewhere, and what they answer: data in two logs, never code."""

from typing import Any, Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.core.errors import Refused
from headrace.core.limits import Rate

OrderName: TypeAlias = Literal["ping", "pause", "resume", "drain", "stop", "set", "stacks"]

KEPT: Final = 1_000  # entries of either log
ANSWER_MAX: Final = 65_536  # characters of one answer


class Order(Struct, frozen=True):
    """To the workers of these ids: do this. A name that a worker does not know is answered with a problem."""

    do: str
    to: tuple[str, ...]
    concurrency: int | None = None
    rate: Rate | UnsetType | None = UNSET


class Answer(Struct, frozen=True):
    """What a worker says to an order: a result, or the problem that it has with it.

    `waits`: its event loop is blocked, and it does what it was told when that is free.
    """

    worker: str
    result: Any = None
    problem: str | None = None
    waits: bool = False


class NoSuchWorker(Refused):
    """No worker that lives has this id, or an id that begins so; or several have."""

    code = "no-such-worker"


class NoAnswer(Refused):
    """Some workers did not answer in time: `silent` has their ids, `answers` what the others said, by their ids.

    They may do it yet, when they come back.
    """

    code = "no-answer"
    retryable = True
    says = "no answer within {timeout_ms} ms from {workers}; the event loop may be busy, or the process gone"


class OrderWaits(Refused):
    """The event loop of some workers is blocked by a handler, so that they obey later, once: `waiting` has their ids.

    `answers` is how they and the others are, by their ids; the others have done it.
    """

    code = "order-waits"
    says = "the event loop of {workers} is blocked by a handler; the order waits and is obeyed when the loop is free"


class OrderRefused(Refused):
    """A worker cannot do what it was told; the others have done it."""

    code = "order-refused"
    says = "the worker {worker} {problem}"
