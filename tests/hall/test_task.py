"""A task: what may be one, what its calls store, and what its handler gets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pytest

import headrace
from headrace.core import backoff as core
from headrace.core.errors import (
    InvalidData,
    InvalidName,
    InvalidOption,
    Misuse,
    NotImportable,
    NotSerialisable,
    TooDeep,
    TooLarge,
)
from headrace.core.jobs import Keep, Lease, Options
from headrace.engine.registry import Handler


@pytest.fixture
def app() -> headrace.App:
    return headrace.App("memory://")


@dataclass
class Point:
    x: int
    near: "list[Point] | None" = None


class Zone(msgspec.Struct):
    name: str


class Colour(Enum):
    RED = "red"


class Shape(TypedDict):
    sides: int


def lease(data: str, queue: str = "default", name: str = "work") -> Lease:
    return Lease(queue, "1", "t", name, data, Options(), 0, 0, 0, 1, 0)


def handler(app: headrace.App, name: str = "work", queue: str = "default") -> Handler:
    found = app.registry.find(queue, name)
    assert found is not None
    return found


def test_a_task_stays_callable(app: headrace.App) -> None:
    @app.task
    def resize(path: str, width: int = 100) -> str:
        """Make it small."""
        return f"{path} {width}"

    assert resize("a", width=5) == "a 5"
    assert (resize.__name__, resize.__doc__) == ("resize", "Make it small.")
    assert (resize.name, resize.queue) == ("resize", "default")
    assert repr(resize) == "<Task default/resize>"
    assert app.tasks == {"resize": resize}


async def test_an_async_task_stays_awaitable(app: headrace.App) -> None:
    @app.task(name="other", queue="dns")
    async def work() -> int:
        return 5

    assert await work() == 5
    assert handler(app, "other", "dns").executor == "inline"


def test_only_given_arguments_are_stored_by_name(app: headrace.App) -> None:
    @app.task
    def work(a: int, b: str = "b", *, c: float = 1.5) -> None: ...

    assert work.call(1).data == '{"a":1}'
    assert work.call(1, "x").data == '{"a":1,"b":"x"}'
    assert work.call(c=2.0, a=1).data == '{"c":2.0,"a":1}'


def test_the_handler_gets_the_types_of_the_hints_and_its_own_defaults(app: headrace.App) -> None:
    @app.task
    def work(
        point: Point,
        zone: Zone,
        colour: Colour,
        shape: Shape,
        when: datetime,
        key: UUID,
        price: Decimal,
        span: timedelta,
        raw: bytes,
        kind: Literal["a", "b"] = "a",
        more: dict[str, list[int]] | None = None,
        anything: Any = None,
        thing: object = None,
    ) -> None: ...

    given: dict[str, Any] = {
        "point": Point(1, [Point(2)]),
        "zone": Zone("z"),
        "colour": Colour.RED,
        "shape": {"sides": 3},
        "when": datetime(2026, 1, 1, tzinfo=UTC),
        "key": UUID(int=1),
        "price": Decimal("1.10"),
        "span": timedelta(seconds=90),
        "raw": b"\x00",
        "more": {"a": [1]},
        "thing": [1, {"a": None}],
    }
    assert handler(app).parse(lease(work.call(**given).data)) == ((), given)


WRONG: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "missing required field `a`"),
    (("1",), {}, r"Expected `int`, got `str` - at `\$.a`"),
    ((1.5,), {}, "Expected `int`"),
    ((True,), {}, "Expected `int`"),
    ((1, "b", "c"), {}, "at most 2 arguments by position, 3 were given"),
    ((1,), {"a": 2}, "a given twice"),
    ((1,), {"z": 2}, "it has no argument .z.; it takes a, b, c"),
    ((1,), {"b": None}, r"Expected `str`, got `null` - at `\$.b`"),
    ((1,), {"c": {"x": "1"}}, r"at `\$.c.x`"),
]


@pytest.mark.parametrize(("args", "kwargs", "problem"), WRONG)
def test_arguments_that_do_not_fit_are_refused_before_anything_is_stored(
    app: headrace.App, args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    @app.task
    def work(a: int, b: str = "b", *, c: Point | None = None) -> None: ...

    for form in (work.call, work.enqueue.sync):
        with pytest.raises(InvalidData, match=problem) as caught:
            form(*args, **kwargs)
        assert caught.value.fields["task"] == "work"
    assert app.queues.sync() == []
    app.close.sync()


def test_values_that_json_cannot_carry_are_refused(app: headrace.App) -> None:
    @app.task
    def work(a: Any) -> None: ...

    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    for value, kind in ((object(), NotSerialisable), (float("nan"), NotSerialisable), (deep, TooDeep)):
        with pytest.raises(kind, match="the data of 'work'"):
            work.call(value)


def test_the_limit_of_data_is_a_setting() -> None:
    app = headrace.App(settings=headrace.Settings(url="memory://", data_max=20))

    @app.task
    def work(a: str) -> None: ...

    assert work.call("x" * 12).data == '{"a":"xxxxxxxxxxxx"}'
    with pytest.raises(TooLarge):
        work.call("x" * 13)
    with pytest.raises(TooLarge):
        app.queue("q").call("x", "y" * 19)


@pytest.mark.parametrize("data", ["[]", "5", "null", '{"a":"1"}', "{}", '{"a":1,"z":2}', "not json", '{"a":1'])
def test_data_that_does_not_fit_fails_before_the_function_is_called(app: headrace.App, data: str) -> None:
    @app.task
    def work(a: int) -> None: ...

    with pytest.raises(InvalidData):
        handler(app).parse(lease(data))


async def test_a_job_whose_data_does_not_fit_fails_without_running(app: headrace.App) -> None:
    ran = []

    @app.task
    def work(a: int) -> None:
        ran.append(a)

    job = await app.queue("default").add("work", {"a": "one"}, attempts=5)
    await app.worker().run_until_idle()
    with pytest.raises(headrace.errors.JobFailed) as caught:
        await job.result()
    assert caught.value.cause == "invalid-data"
    assert "Expected `int`, got `str`" in str(caught.value.reason)
    assert ran == []
    await app.close()


def test_results_are_read_as_what_the_function_promises(app: headrace.App) -> None:
    @app.task
    def point() -> Point:
        return Point(1)

    @app.task
    async def zones() -> list[Zone]:
        return [Zone("z")]

    @app.task
    def untyped():  # type: ignore[no-untyped-def]
        return {"a": 1}

    assert point.load_result(handler(app, "point").dump(Point(1))) == Point(1)
    assert zones.load_result('[{"name":"z"}]') == [Zone("z")]
    assert untyped.load_result('{"a":1}') == {"a": 1}
    with pytest.raises(InvalidData, match="promises"):
        point.load_result('"text"')


def positional(a: int, /) -> None: ...
def starred(*a: int) -> None: ...
def keywords(**a: int) -> None: ...
def method(self: Any) -> None: ...
def unsupported(a: type) -> None: ...
def nested(a: list[dict[str, Exception | None]]) -> None: ...
def ambiguous(a: int | list[int] | set[int]) -> None: ...
def result() -> Exception: ...  # type: ignore[empty-body]
def undefined(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def generator() -> Any:
    yield 1


async def agenerator() -> Any:
    yield 1


REFUSED = [
    (positional, "'a' of the task 'positional' is positional-only"),
    (starred, "takes any number of arguments"),
    (keywords, "takes arguments of any name"),
    (method, "not a method"),
    (unsupported, "has the type type, which has no form in JSON"),
    (nested, "no form in JSON|cannot be checked"),
    (ambiguous, "cannot be checked"),
    (result, "the result of the task 'result' has the type Exception"),
    (undefined, "'Nowhere' is not defined"),
    (generator, "generator"),
    (agenerator, "generator"),
    (lambda: None, "lambda"),
    (print, "a task is a function"),
    (Point, "a task is a function"),
]


@pytest.mark.parametrize(("function", "problem"), REFUSED)
def test_what_cannot_travel_is_refused_at_decoration(app: headrace.App, function: Any, problem: str) -> None:
    with pytest.raises(Misuse, match=problem):
        app.task(function)
    assert app.registry.queues() == ()


OPTIONS: list[tuple[dict[str, Any], type[Misuse], str]] = [
    ({"atempts": 5}, InvalidOption, "did you mean attempts"),
    ({"job_id": "x"}, InvalidOption, "unknown option 'job_id'"),
    ({"xyz": 1}, InvalidOption, "known are name, queue, executor"),
    ({"attempts": 0}, InvalidOption, "between 1 and"),
    ({"attempts": "5"}, InvalidOption, "attempts is str"),
    ({"attempts": True}, InvalidOption, "attempts is bool"),
    ({"timeout": -1}, InvalidOption, "timeout is -1"),
    ({"timeout": 0}, InvalidOption, "timeout is 0"),
    ({"timeout": "1m"}, InvalidOption, "give seconds or a timedelta"),
    ({"delay": float("nan")}, InvalidOption, "delay is nan"),
    ({"delay": 10**9}, InvalidOption, "delay"),
    ({"priority": -1}, InvalidOption, "priority is -1"),
    ({"priority": 2**21}, InvalidOption, "priority"),
    ({"max_stalled": -1}, InvalidOption, "max_stalled"),
    ({"lifo": 1}, InvalidOption, "lifo is int"),
    ({"expires": 0}, InvalidOption, "expires is 0"),
    ({"expires": -1}, InvalidOption, "expires is -1"),
    ({"expires": "1m"}, InvalidOption, "expires is str; give seconds"),
    ({"expires": 5, "delay": 5}, InvalidOption, "expires is 5 s and delay 5 s: the job would expire before it may run"),
    ({"keep_completed": 5}, InvalidOption, "use headrace.Keep"),
    ({"backoff": object()}, InvalidOption, "backoff is object"),
    ({"backoff": -1}, InvalidOption, "the delay of a backoff"),
    ({"backoff": lambda attempt, failure: 1.0}, Misuse, "needs a name"),
    ({"executor": "process"}, NotImportable, "made inside a function; define it at the top of a module"),
    ({"executor": "threads"}, InvalidOption, "inline, thread or process"),
    ({"recycle": 1}, InvalidOption, 'recycle is for tasks with executor="process"'),
    ({"queue": "a:b"}, InvalidName, "queue name 'a:b'"),
    ({"name": "a\nb"}, InvalidName, "job name"),
]


@pytest.mark.parametrize(("options", "kind", "problem"), OPTIONS)
def test_a_wrong_option_is_refused_with_what_would_be_right(
    app: headrace.App, options: dict[str, Any], kind: type[Misuse], problem: str
) -> None:
    with pytest.raises(kind, match=problem):

        @app.task(**options)
        def work() -> None: ...

    assert app.registry.queues() == ()


def test_options_become_part_of_every_job(app: headrace.App) -> None:
    @app.task(
        attempts=5,
        backoff=headrace.Exponential(15, jitter=0.5, max=timedelta(hours=1)),
        timeout=timedelta(minutes=1),
        max_stalled=3,
        priority=7,
        delay=0.0001,
        lifo=True,
        keep_completed=headrace.Keep(count=10),
        keep_failed=headrace.Keep(age=60),
        expires=timedelta(minutes=2),
    )
    def work() -> None: ...

    job = work.call().new_job()
    assert (job.priority, job.delay_ms) == (7, 1)
    assert job.options == Options(
        attempts=5,
        backoff=core.Exponential(15_000, 0.5, 3_600_000),
        timeout_ms=60_000,
        max_stalled=3,
        lifo=True,
        keep_completed=Keep(count=10),
        keep_failed=Keep(age_ms=60_000),
        expires_ms=120_000,
    )
    assert work.enqueue.sync().refresh.sync().options == job.options
    app.close.sync()


def test_backoff_functions_are_known_by_name(app: headrace.App) -> None:
    def slow(attempt: int, failure: headrace.Failure) -> float | None:
        return attempt * 2.0

    @app.backoff("quick")
    def anything(attempt: int, failure: headrace.Failure) -> float | None:
        return 0.1

    @app.task(backoff=slow)
    def work() -> None: ...

    @app.task(backoff="quick")
    def other() -> None: ...

    assert work.call().new_job().options.backoff == core.Custom("slow")
    assert other.call().options(backoff=anything).new_job().options.backoff == core.Custom("quick")
    assert dict(handler(app).pauses) == {"slow": slow, "quick": anything}

    def unknown(attempt: int, failure: headrace.Failure) -> float | None:
        return None

    with pytest.raises(InvalidOption, match="register it"):
        work.call().options(backoff=unknown)
    with pytest.raises(Misuse, match="another backoff function named 'quick'"):
        app.backoff("quick")(unknown)


@pytest.mark.parametrize("made", [lambda: headrace.Fixed(5), lambda: headrace.Fixed(timedelta(seconds=5)), lambda: 5])
def test_a_number_of_seconds_is_a_fixed_backoff(app: headrace.App, made: Any) -> None:
    @app.task(backoff=made())
    def work() -> None: ...

    assert work.call().new_job().options.backoff == core.Fixed(5_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda: headrace.Fixed(-1),
        lambda: headrace.Fixed(5, jitter=2),
        lambda: headrace.Exponential(5, max=-1),
        lambda: headrace.Exponential("5"),  # type: ignore[arg-type]
        lambda: headrace.Keep(count=-1),
        lambda: headrace.Keep(age=-1),
        lambda: headrace.Keep(count=1.5),  # type: ignore[arg-type]
    ],
)
def test_option_values_are_checked_when_they_are_made(make: Any) -> None:
    with pytest.raises(InvalidOption):
        make()


def test_plain_functions_run_in_threads_unless_they_say_inline(app: headrace.App) -> None:
    @app.task
    def threaded() -> None: ...

    @app.task(executor="inline")
    def quick() -> None: ...

    assert (handler(app, "threaded").executor, handler(app, "quick").executor) == ("thread", "inline")
    with pytest.raises(Misuse, match="async"):

        @app.task(executor="thread")
        async def wrong() -> None: ...


async def test_a_catch_all_takes_the_jobs_that_no_task_is_named_after(app: headrace.App) -> None:
    @app.task(queue="dns")
    def known(a: int) -> int:
        return a

    @app.handler("dns")
    async def rest(job: headrace.Job[Any]) -> object:
        return [job.name, job.data]

    jobs = [await known.enqueue(1), await app.queue("dns").add("foreign", [1, 2]), await app.queue("dns").add("bare")]
    await app.worker().run_until_idle()
    assert [await job.result() for job in jobs] == [1, ["foreign", [1, 2]], ["bare", {}]]
    await app.close()


def test_a_catch_all_takes_exactly_the_job(app: headrace.App) -> None:
    with pytest.raises(Misuse, match="one argument"):
        app.handler("dns")(lambda: None)  # type: ignore[type-var]
    with pytest.raises(InvalidName):
        app.handler("a:b")(lambda job: None)
