"""Batch tasks: jobs that are added one by one, and run many at a time by one call of one function."""

import inspect
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from types import UnionType
from typing import Any, Final, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from headrace.client import Client
from headrace.core.errors import InvalidOption, Misuse
from headrace.engine.registry import Handler
from headrace.executors.batch import Batched
from headrace.options import RUN_OPTIONS, RunOptions, unknown_option
from headrace.spans import Span, count_of, span_ms
from headrace.task import PLACE_OPTIONS, AnyTask, Task

T = TypeVar("T")
R = TypeVar("R")

SIZE: Final = 100
SIZE_MAX: Final = 10_000
WAIT_S: Final = 0.05
WAIT_MAX_MS: Final = 60_000
ITEM: Final = "item"
"""The one argument of every such job, by which its data names it."""


class BatchOptions(RunOptions, total=False):
    """What a batch task can say of all its jobs, and of its batches."""

    name: str
    queue: str
    size: int
    wait: Span


_NOT_APART: Final = (
    "{} is no option of a batch task, which runs on the worker's event loop or in a thread: the crash of a process "
    'would be a stall of every job in the batch; for a process write @app.task(executor="process")'
)
BATCH_OPTIONS: Final = ("name", "queue", "size", "wait", *RUN_OPTIONS)


class BatchTask(Task[[T], R]):
    """A function of a list, of which jobs of one item each can be made: `task.enqueue(item)`.

    It stays callable: `task([…])` runs it here and now, without a job.
    """

    def __init__(self, client: Client, function: Callable[..., Any], options: BatchOptions) -> None:
        """`Misuse` if the function does not take a list and return one, `InvalidOption` if an option is wrong."""
        given: Any = dict(options)
        for option in given:
            if option in PLACE_OPTIONS:
                raise InvalidOption(_NOT_APART.format(option), option=option)
            if option not in BATCH_OPTIONS:
                raise unknown_option(option, BATCH_OPTIONS)
        self.size: Final = count_of("size", given.pop("size", SIZE), 1, SIZE_MAX)
        self.wait_ms: Final = span_ms("wait", given.pop("wait", WAIT_S), WAIT_MAX_MS)
        super().__init__(client, function, given, shape=_one(function))

    @property
    def handler(self) -> Handler:
        """The task as a worker runs it."""
        batched = Batched(self.function, self.size, self.wait_ms / 1000)
        return replace(super().handler, function=batched, executor="batch")


class PlainBatchTask(BatchTask[T, R]):
    """A batch task of a plain function; its batches run in threads."""

    def __call__(self, items: list[T], /) -> Sequence[R | Exception]:
        """What the function returns."""
        return self.function(items)  # type: ignore[no-any-return]


class AsyncBatchTask(BatchTask[T, R]):
    """A batch task of an async function; its batches run on the worker's event loop."""

    def __call__(self, items: list[T], /) -> Coroutine[Any, Any, Sequence[R | Exception]]:
        """What the function returns, to be awaited."""
        return self.function(items)  # type: ignore[no-any-return]


class BatchDecorator(Protocol):
    """What `@app.batch_task(…)` gives: it makes batch tasks of functions."""

    @overload
    def __call__(
        self, function: Callable[[list[T]], Coroutine[Any, Any, Sequence[R | Exception]]], /
    ) -> AsyncBatchTask[T, R]: ...
    @overload
    def __call__(self, function: Callable[[list[T]], Sequence[R | Exception]], /) -> PlainBatchTask[T, R]: ...
    def __call__(self, function: Any, /) -> Any:
        """The function as a task; it is known to the app from here on."""
        ...


def batch_decorator(client: Client, options: BatchOptions, register: Callable[[AnyTask], None]) -> BatchDecorator:
    """Makes batch tasks with these options."""

    def decorate(function: Callable[..., Any], /) -> Any:
        kind = AsyncBatchTask if inspect.iscoroutinefunction(function) else PlainBatchTask
        task: BatchTask[Any, Any] = kind(client, function, options)
        register(task)
        return task

    return decorate


def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the signature that a job of one item has."""

    def one(item: object) -> object:
        return item

    name = getattr(function, "__name__", "?")
    if not inspect.isfunction(function) or len(inspect.signature(function).parameters) != 1:
        raise Misuse(f"the batch task {name!r} takes one argument: the list of items")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise Misuse(f"a type hint of the batch task {name!r} cannot be resolved: {error}; define it above") from None
    result = hints.pop("return", Any)
    taken = next(iter(hints.values()), Any)
    one.__annotations__ = {
        ITEM: _member(name, "takes", taken),
        "return": _without_errors(_member(name, "returns", result)),
    }
    return one


def _member(name: str, verb: str, hint: Any) -> Any:
    """The type of the members of a list or sequence."""
    if hint is Any:
        return Any
    if (get_origin(hint) or hint) not in (list, Sequence):
        raise Misuse(f"the batch task {name!r} {verb} {hint}; it takes a list[T], and returns a list[R | Exception]")
    return next(iter(get_args(hint)), Any)


def _without_errors(hint: Any) -> Any:
    """What a result is when it is no exception."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    kept = [one for one in get_args(hint) if not (isinstance(one, type) and issubclass(one, Exception))]
    return Union[tuple(kept)] if kept else Any  # noqa: UP007  # made of what was found
