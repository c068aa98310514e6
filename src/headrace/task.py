"""A task: a plain function whose calls can be put into a queue, with the types of its arguments and of its result."""

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Final, Generic, Literal, ParamSpec, TypeAlias, TypedDict, TypeVar, overload

from headrace.arguments import Signature
from headrace.call import Call
from headrace.childlimits import LIMIT_OPTIONS, limits_of
from headrace.client import Client
from headrace.core import codec
from headrace.core.errors import InvalidData, InvalidOption, Misuse
from headrace.core.jobs import JobRef, Lease, NewJob
from headrace.core.names import check_name, check_queue
from headrace.core.schedules import Plan
from headrace.engine.registry import Arguments, ExecutorName, Handler
from headrace.engine.sync import blocking
from headrace.executors.limits import Limits
from headrace.job import Job
from headrace.options import RUN_OPTIONS, Choice, RunOptions, unknown_option
from headrace.place import check_importable
from headrace.schedule import plan_of
from headrace.spans import Span
from headrace.timing import Cron, Every

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_QUEUE: Final = "default"
EXECUTORS: Final = ("inline", "thread", "process")


class PlaceOptions(TypedDict, total=False):
    """Where a function runs, and what its process may do."""

    executor: Literal["inline", "thread", "process"]
    recycle: int | None
    memory_max: int | None
    kill_after: Span | None


class TaskOptions(RunOptions, PlaceOptions, total=False):
    """What a task can say of all its jobs; a call may say otherwise. With `cron` or `every` it has a schedule."""

    name: str
    queue: str
    cron: str | Cron
    every: Span


PLACE_OPTIONS: Final = ("executor", *LIMIT_OPTIONS)
TIME_OPTIONS: Final = ("cron", "every")
TASK_OPTIONS: Final = ("name", "queue", *PLACE_OPTIONS, *RUN_OPTIONS, *TIME_OPTIONS)


class Task(Generic[P, R]):
    """A function of which jobs can be made. It stays callable: `task(…)` runs it here and now, without a job."""

    __name__: str

    def __init__(
        self,
        client: Client,
        function: Callable[..., Any],
        options: TaskOptions,
        *,
        shape: Callable[..., Any] | None = None,
    ) -> None:
        """`Misuse` if the function's arguments cannot be stored, `InvalidOption` if an option is wrong."""
        given: dict[str, Any] = dict(options)
        for option in given:
            if option not in TASK_OPTIONS:
                raise unknown_option(option, TASK_OPTIONS)
        name = given.pop("name", None) or str(getattr(function, "__name__", ""))
        if name == "<lambda>":
            raise Misuse("a lambda has no name that stays; write a function, or give name=…")
        self.name: Final = check_name(name)
        self.queue: Final = check_queue(given.pop("queue", DEFAULT_QUEUE))
        self.function: Final = function
        self._client: Final = client
        self._home: Final = client.home
        self.shape: Final = shape or function  # whose arguments and result a job has
        self._signature: Final = Signature(self.name, self.shape)
        place: dict[str, Any] = {name: given.pop(name) for name in PLACE_OPTIONS if name in given}
        times = {name: given.pop(name) for name in TIME_OPTIONS if given.get(name) is not None}
        executor, limits = _place(self.name, function, place)
        self._executor: Final = executor
        self._limits: Final = limits
        if inspect.isfunction(given.get("backoff")):
            given["backoff"] = client.pauses.register(given["backoff"]).name
        self._choice: Final = Choice().changed(given, client.pauses, RUN_OPTIONS)
        self.plan: Final = self._plan(times) if times else None
        wrapper: Any = self
        update_wrapper(wrapper, function, updated=())  # attributes of the function are not ours

    def __repr__(self) -> str:
        return f"<Task {self.queue}/{self.name}>"

    @blocking
    async def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Add a job of this task; it is stored when this returns. `InvalidData` if the arguments do not fit.

        Examples:
            >>> resize.enqueue.sync("a.png", width=200)
            <Job default/1 resize>
        """
        client, choice = self._client, self._choice
        data = self._signature.write(args, kwargs, client.settings.data_max)
        job = NewJob(self.queue, self.name, data, None, choice.priority, choice.delay_ms, choice.options)
        if self._signature.from_children:
            self.call(*args, **kwargs).jobs()  # `Misuse` for a child that is not there
        added = await client.add((job,))
        return Job(client, added.jobs[0], self.name, self._signature.load_result)

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """A call of this task as a value, with the task's options; nothing is stored yet.

        Examples:
            >>> app.enqueue.sync(resize.call("a.png").options(delay=60, job_id="a.png"))
            <Job default/a.png resize>
        """
        data = self._signature.write(args, kwargs, self._client.settings.data_max)
        wants = self._signature.wanted(args, kwargs) if self._signature.from_children else ()
        client = self._client
        return Call(self.queue, self.name, data, self._choice, client.pauses, self._signature.load_result, wants=wants)

    def load_result(self, text: str) -> R:
        """A stored result as what the task returns."""
        return self._signature.load_result(text)  # type: ignore[no-any-return]

    @property
    def handler(self) -> Handler:
        """The task as a worker runs it."""
        what, limit = f"the result of {self.name!r}", self._client.settings.data_max

        def parse(lease: Lease) -> Arguments:
            return (), self._signature.read(lease.data)

        def dump(value: Any) -> str:
            return codec.encode(value, what, limit)

        pauses = self._client.pauses.by_name
        children = self._signature.from_children
        return Handler(
            self.queue, self.name, self.function, parse, dump, self._executor, pauses, children, self._limits
        )

    def _plan(self, times: dict[str, Any]) -> Plan:
        """The schedule of the task, which calls it without arguments."""
        if len(times) > 1:
            raise InvalidOption(f"the task {self.name!r} has cron and every; leave out one")
        if self._signature.from_children:
            raise Misuse(f"the task {self.name!r} has a schedule, and so no children to take arguments from")
        try:
            call = self.call()  # type: ignore[call-arg]
        except InvalidData as error:
            raise Misuse(
                f"the task {self.name!r} has a schedule, which calls it without arguments; give them defaults,"
                f" or put the schedule yourself, by app.schedules.put: {error.problem}"
            ) from None
        cron = times.get("cron")
        when = Every(times["every"]) if cron is None else cron if isinstance(cron, Cron) else Cron(cron)
        return plan_of(when, call, {}, self.function.__module__)

    def _direct(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function here and now."""
        if self._signature.from_children and (wanted := self._signature.wanted(args, kwargs)):
            raise Misuse(f"{self.name} called directly has no children; give the arguments from {', '.join(wanted)}")
        return self.function(*args, **kwargs)


class PlainTask(Task[P, R]):
    """A task of a plain function; its jobs run in threads, unless said otherwise."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns."""
        return self._direct(args, kwargs)  # type: ignore[no-any-return]


class AsyncTask(Task[P, R]):
    """A task of an async function; its jobs run on the worker's event loop, unless said otherwise."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """What the function returns, to be awaited."""
        return self._direct(args, kwargs)  # type: ignore[no-any-return]


AnyTask: TypeAlias = Task[..., Any]


class TaskDecorator:
    """What `@app.task(…)` with options gives: it makes tasks of functions."""

    def __init__(self, client: Client, options: TaskOptions, register: Callable[[AnyTask], None]) -> None:
        self._client, self._options, self._register = client, options, register

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        /,
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> PlainTask[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> AnyTask:
        """The function as a task; it is known to the app from here on."""
        kind = AsyncTask if inspect.iscoroutinefunction(function) else PlainTask
        task: AnyTask = kind(self._client, function, self._options)
        self._register(task)
        return task


def catch_all(client: Client, queue: str, function: Callable[..., Any], options: PlaceOptions) -> Handler:
    """A handler of every job of a queue, whatever its name, that takes the job itself."""

    def parse(lease: Lease) -> Arguments:
        load = client.loader(lease.queue, lease.name)
        return (Job(client, JobRef(lease.queue, lease.id), lease.name, load, lease),), {}

    def dump(value: Any) -> str:
        return codec.encode(value, f"the result of a job of {queue!r}", client.settings.data_max)

    if not inspect.isfunction(function) or len(inspect.signature(function).parameters) != 1:
        raise Misuse("a catch-all handler is a function of one argument: the job")
    for option in options:
        if option not in PLACE_OPTIONS:
            raise unknown_option(option, PLACE_OPTIONS)
    executor, limits = _place(function.__name__, function, {**options})
    return Handler(check_queue(queue), None, function, parse, dump, executor, client.pauses.by_name, limits=limits)


def _place(task: str, function: Callable[..., Any], given: dict[str, Any]) -> tuple[ExecutorName, Limits]:
    executor = _executor(task, function, given.pop("executor", None))
    return executor, limits_of(given, executor)


def _executor(task: str, function: Callable[..., Any], asked: object) -> ExecutorName:
    is_async = inspect.iscoroutinefunction(function)
    if asked is None:
        return "inline" if is_async else "thread"
    if asked not in EXECUTORS:
        raise InvalidOption(f"executor is {asked!r}; it is {', '.join(EXECUTORS[:-1])} or {EXECUTORS[-1]}")
    if is_async and asked == "thread":
        raise Misuse(f"the task {task!r} is async and runs on the event loop; leave executor out, or write def")
    if asked == "process":
        check_importable(task, function)
        return "process"
    return "thread" if asked == "thread" else "inline"
