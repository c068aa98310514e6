"""The app: where tasks are registered and where everything else comes from. It is a value of yours, not a global."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from headrace import config
from headrace.adding import Adding
from headrace.backoff import F
from headrace.batch import AsyncBatchTask, BatchDecorator, BatchOptions, PlainBatchTask, batch_decorator
from headrace.client import Client, Door
from headrace.commons import Commons
from headrace.core.commands import Grown, QueueRecord, Queues, Tree
from headrace.core.errors import Misuse, NoSuchJob
from headrace.core.jobs import JobRef
from headrace.core.query import parse
from headrace.core.settings import Settings
from headrace.engine.hooks import Hooks, Middleware
from headrace.engine.registry import Registry
from headrace.engine.sync import blocking
from headrace.job import Job
from headrace.limits import Rate, worker_rate
from headrace.listeners import Happening, Listeners, refuse_function, refuse_plain, refuse_uncallable
from headrace.place import place_of
from headrace.queue import Queue, find_job
from headrace.schedule import Schedules
from headrace.selection import Selection
from headrace.stats import AppStats, stats_of_all
from headrace.storage.protocol import Storage
from headrace.task import AnyTask, AsyncTask, P, PlaceOptions, PlainTask, TaskDecorator, TaskOptions, catch_all
from headrace.within import Within

if TYPE_CHECKING:
    from headrace.worker import Worker

R = TypeVar("R")
T = TypeVar("T")
L = TypeVar("L", bound=Callable[..., object])
M = TypeVar("M", bound=Middleware)
H = TypeVar("H", bound=Callable[[Job[Any]], object])


class App(Adding, Commons):
    """Tasks, queues and workers on one store. Nothing is opened before the first use; `async with app` closes it."""

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str | None = None,
        settings: Settings | Mapping[str, object] | None = None,
    ) -> None:
        """Settings come from file, environment and arguments; a `Settings` is taken as it is, without the others.

        Raises `BadConfig` with everything that is wrong, `BadUrl` if there can be no store at the URL.
        """
        self.config = config.settle(settings, url=url, prefix=prefix)
        self.registry = Registry()
        self.tasks: dict[str, AnyTask] = {}
        self._client = Client(self.config.settings)
        self._door = Door(self._client)
        self._listeners = Listeners(self._client)
        self._middleware: list[Middleware] = []

    @property
    def settings(self) -> Settings:
        """The settings this app goes by."""
        return self.config.settings

    @property
    def storage(self) -> Storage:
        """The store itself, for commands; it is opened at first use."""
        return self._door

    def use_store(self, make: Callable[[], Storage]) -> Callable[[], Storage]:
        """Take the store from `make` instead of the URL, and give what made it before: `headrace.testing` does so.

        `make` is called now, and again when the loop on which its store was opened has ended. `Misuse` while the app
        is open.
        """
        return self._client.use_store(make)

    @blocking
    async def open(self) -> None:
        """Open the store now instead of at first use. Idempotent."""
        await self._client.open()

    @blocking
    async def close(self) -> None:
        """Give back what was opened; whoever waits for a result gets `Unavailable`. Idempotent."""
        await self._client.close()
        self._home.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        self.open.sync()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close.sync()

    @overload
    def task(  # type: ignore[overload-overlap]
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        /,
    ) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> PlainTask[P, R]: ...
    @overload
    def task(self, /, **options: Unpack[TaskOptions]) -> TaskDecorator: ...
    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Make a task of a function: `@app.task`, or `@app.task(queue=…, attempts=…, …)`.

        The arguments must have names and types that JSON can carry: `Misuse` otherwise. A later task of the same
        name takes the place of an earlier one in the same queue.
        """
        decorator = TaskDecorator(self._client, options, self._register)  # type: ignore[arg-type]
        return decorator if function is None else decorator(function)

    @overload
    def batch_task(
        self, function: Callable[[list[T]], Coroutine[Any, Any, Sequence[R | Exception]]], /
    ) -> AsyncBatchTask[T, R]: ...
    @overload
    def batch_task(self, function: Callable[[list[T]], Sequence[R | Exception]], /) -> PlainBatchTask[T, R]: ...
    @overload
    def batch_task(self, /, **options: Unpack[BatchOptions]) -> BatchDecorator: ...
    def batch_task(self, function: Any = None, /, **options: Any) -> Any:
        """Make a task of a function that takes many jobs at once: `async def f(items: list[T]) -> list[R | Exception]`.

        `@app.batch_task`, or `@app.batch_task(size=…, wait=…, …)`. Jobs are added one by one, `f.enqueue(item)`. A call
        has up to `size` of them; the first waits at most `wait` seconds for others. Each job has its own outcome: an
        exception in the list fails that job, one that is raised fails them all, and so does a list of another length.
        Each holds a slot of the worker.
        """
        decorator = batch_decorator(self._client, options, self._register)  # type: ignore[arg-type]
        return decorator if function is None else decorator(function)

    def handler(self, queue: str, **options: Unpack[PlaceOptions]) -> Callable[[H], H]:
        """Let a function of one argument, the job, run every job of `queue` that no task of ours is named after.

        Options say where it runs, as for a task (`executor`, …). `Misuse` for a function that takes anything else,
        `InvalidName` if no queue may be called so.
        """
        refuse_function("handler", queue)

        def register(function: H) -> H:
            self.registry.add(catch_all(self._client, queue, function, options))
            return function

        return register

    def backoff(self, name: str | None = None) -> Callable[[F], F]:
        """Register a backoff function, `@app.backoff()`, under its own name or this one; jobs store the name.

        It is given the number of the attempt that failed and its failure, and answers the pause in seconds, or None
        if no attempt will help. `Misuse` if another function has the name.
        """
        refuse_function("backoff", name)

        def register(function: F) -> F:
            self._client.pauses.register(function, name)
            return function

        return register

    def middleware(self, function: M) -> M:
        """Wrap every run in `function(context, next)`: `await next()` runs the handler. The first one is outermost.

        `Misuse` if it is not async.
        """
        refuse_plain(function)
        self._middleware.append(function)
        return function

    def on(self, happening: Happening) -> Callable[[L], L]:
        """Call a function, async or plain, when this has happened in a worker of this process.

        `failed`: (job, failure), a job failed for good. `stalled`: (job), its worker was lost and it is given back.
        `started`, `stopped`: (), the worker. What the function raises is logged and changes nothing.
        """
        refuse_function("on", happening)
        functions = self._listeners.of(happening)

        def register(function: L) -> L:
            refuse_uncallable(happening, function)
            functions.append(function)
            return function

        return register

    @property
    def hooks(self) -> Hooks:
        """What was registered with `on`, as workers take it."""
        return self._listeners.hooks()

    @property
    def middlewares(self) -> tuple[Middleware, ...]:
        """What was registered with `middleware`, the outermost first."""
        return tuple(self._middleware)

    def within(self, connection: object) -> Within:
        """Add jobs in a transaction of yours: on SQLite, by an apsw connection to the same file. See `Within`."""
        return Within(self._client, connection)

    def queue(self, name: str) -> Queue:
        """A queue by its name; it need not exist yet. `InvalidName` if no queue may be called so."""
        return Queue(self._client, name)

    def select(self, query: str = "") -> Selection:
        """All jobs that fit a query, over all queues, to be looked at or acted on; `BadQuery` says what is wrong."""
        return Selection(self._client, parse(query))

    @property
    def schedules(self) -> Schedules:
        """What adds jobs by the clock."""
        return Schedules(self._client)

    @blocking
    async def queues(self) -> list[QueueRecord]:
        """Every queue by name: whether it is paused, and its jobs by state."""
        return list((await self._client.run(Queues())).queues)

    @blocking
    async def stats(self) -> AppStats:
        """What `queue.stats()` says, of every queue by name and of all together, in one round trip to the store."""
        return await stats_of_all(self._client)

    @blocking
    async def get(self, queue: str, job_id: str) -> Job[Any]:
        """The job `queue/job_id`; `NoSuchJob` if it is not there."""
        return await find_job(self._client, queue, job_id)

    @blocking
    async def tree(self, job: Job[Any] | JobRef) -> Grown:
        """The job with all its descendants, parents before children, with their records and results."""
        ref = job.ref if isinstance(job, Job) else job
        grown = await self._client.run(Tree(ref))
        if not grown.nodes:
            raise NoSuchJob(queue=ref.queue, id=ref.id)
        return grown

    def worker(
        self, *queues: str, concurrency: int | None = None, rate: Rate | None = None, name: str | None = None
    ) -> "Worker":
        """A worker of these queues, or of all that have tasks or handlers, for `concurrency` jobs at once in all.

        With a `rate` this worker starts no more jobs than that, over all its queues, whatever other workers start.

        `async with app.worker(…)` works until the block ends, `await app.worker(…).run()` until a signal. It runs on
        the loop that starts it, and the app's I/O moves there. `Misuse` for a queue that nothing is registered for.
        """
        from headrace.appworker import AppWorker  # who only adds jobs need not load what runs them

        known = self.registry.queues()
        for queue in queues:
            if queue not in known:
                raise Misuse(f"no task or handler is registered for the queue {queue!r}; there are {', '.join(known)}")
        settings = self.settings
        return AppWorker(
            self._client,
            self._door,
            self.registry,
            queues=queues or None,
            concurrency=settings.concurrency if concurrency is None else concurrency,
            rate=worker_rate(rate),
            lease_ms=round(settings.lease * 1000),
            poll_ms=round(settings.poll * 1000),
            name=name,
            keep_completed=settings.keep_completed.keep,
            keep_failed=settings.keep_failed.keep,
            middleware=self.middlewares,
            hooks=self.hooks,
            place=partial(place_of, self),
            tasks=self.tasks,
        )

    def _register(self, task: AnyTask) -> None:
        self.tasks[task.name] = task
        self._client.loaders[task.queue, task.name] = task.load_result
        self.registry.add(task.handler)
