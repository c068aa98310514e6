"""Which function runs a job: the only way from a stored name to code. Nothing is ever imported by a stored name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from headrace.core.commands import Source
from headrace.core.jobs import Failure, Lease
from headrace.engine.context import Returns
from headrace.executors.limits import Limits

ExecutorName: TypeAlias = Literal["inline", "thread", "process", "batch"]
Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
Pause: TypeAlias = Callable[[int, Failure], float | None]
"""A custom backoff: (attempt that failed, why) → seconds until the next one, None to fail for good."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function with all that a runner needs to run it.

    `parse` makes the call's arguments of a lease, validated, or raises `InvalidData` before the function runs;
    `dump` makes JSON text of what it returned.
    """

    queue: str
    name: str | None  # None: a catch-all for every job of the queue that no named handler serves
    function: Callable[..., Any]
    parse: Callable[[Lease], Arguments]
    dump: Callable[[Any], str]
    executor: ExecutorName
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    from_children: Mapping[str, Returns[Any]] = field(default_factory=dict)
    """The arguments that are results of children when they are not given, and the tasks of these."""
    limits: Limits = field(default_factory=Limits)  # of a child process

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.name or self.function.__name__


class Registry:
    """The handlers of an app, by queue and name."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str], Handler] = {}
        self._catch_all: dict[str, Handler] = {}

    def add(self, handler: Handler) -> None:
        """Register a handler; a later one for the same queue and name takes its place (reload does this)."""
        if handler.name is None:
            self._catch_all[handler.queue] = handler
        else:
            self._named[handler.queue, handler.name] = handler

    def find(self, queue: str, name: str) -> Handler | None:
        """The handler of a job of this name in this queue."""
        return self._named.get((queue, name)) or self._catch_all.get(queue)

    def apart(self, queues: Iterable[str]) -> tuple[Handler, ...]:
        """The handlers of these queues that run in processes of their own."""
        wanted = set(queues)
        return tuple(
            handler
            for handler in (*self._named.values(), *self._catch_all.values())
            if handler.queue in wanted and handler.executor == "process"
        )

    def queues(self) -> tuple[str, ...]:
        """Every queue that has a handler, in the order of registration."""
        return tuple(dict.fromkeys([queue for queue, _ in self._named] + list(self._catch_all)))

    def sources(self, queues: Iterable[str]) -> tuple[Source, ...]:
        """What a worker of these queues can claim: a queue without handlers gives no source."""
        return tuple(source for queue in queues if (source := self._source(queue)) is not None)

    def _source(self, queue: str) -> Source | None:
        if queue in self._catch_all:
            return Source(queue)
        names = tuple(sorted(name for at, name in self._named if at == queue))
        return Source(queue, names) if names else None
