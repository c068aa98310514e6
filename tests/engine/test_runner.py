import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from headrace.core.backoff import Custom, Exponential
from headrace.core.codec import DATA_MAX
from headrace.core.jobs import Failure, JobRecord
from headrace.core.outcomes import Later, RateLimited, Unrecoverable, WaitForChildren
from headrace.engine.context import Context, current
from headrace.engine.failures import REASON_MAX, TRACE_MAX, failure, head, tail
from headrace.engine.hooks import Next
from headrace.engine.runner import CHILDLESS_MS
from headrace.worker import Worker
from tests.engine.simulation import clock, simulated
from tests.engine.workshop import add, get, memory, registry, run_until_idle


async def outcome(
    function: Callable[..., Any], data: str = "", pauses: dict[str, Any] | None = None, **options: Any
) -> JobRecord:
    """What is left of one job after one look at it by a worker that draws 0.5."""
    store = await memory()
    name = f"{function.__name__}?{data}" if data else function.__name__
    (ref,) = await add(store, name, **options)
    await run_until_idle(store, registry(function, **(pauses or {})), chance=lambda: 0.5)
    return await get(store, ref)


def why(job: JobRecord) -> Failure:
    (last,) = job.failures[-1:]
    return last


async def boom() -> None:
    raise ValueError("no such zone")


@simulated
async def test_what_a_handler_returns_is_the_result() -> None:
    async def give(x: str) -> dict[str, str]:
        return {"x": x}

    job = await outcome(give, "x=ü")
    assert (job.state, job.result, job.attempts_made) == ("completed", '{"x":"ü"}', 1)


@simulated
async def test_an_error_is_kept_as_text_with_the_trace_of_the_handler_only() -> None:
    job = await outcome(boom)
    last = why(job)
    assert (job.state, last.reason, last.kind, last.cause, last.attempt) == (
        "failed",
        "no such zone",
        "ValueError",
        "error",
        1,
    )
    assert last.trace.startswith("Traceback")
    assert "in boom" in last.trace
    assert "headrace/engine" not in last.trace


@simulated
async def test_an_error_with_attempts_left_waits_for_its_backoff() -> None:
    job = await outcome(boom, attempts=3, backoff=Exponential(15_000, jitter=1.0))
    assert (job.state, job.due_at, job.attempts_made) == ("delayed", clock() + 7_500, 1)


@simulated
async def test_data_that_does_not_fit_fails_without_a_run_and_for_good() -> None:
    ran = []

    async def note(**data: str) -> None:
        ran.append(data)

    job = await outcome(note, "bad=1", attempts=5)
    assert (job.state, why(job).cause, ran) == ("failed", "invalid-data", [])
    assert "bad is not good" in why(job).reason


@simulated
async def test_unrecoverable_fails_for_good_and_keeps_its_cause_in_the_trace() -> None:
    async def give_up() -> None:
        try:
            raise KeyError("zone")
        except KeyError as error:
            raise Unrecoverable("no such zone") from error

    job = await outcome(give_up, attempts=5)
    assert (job.state, why(job).cause, why(job).reason) == ("failed", "unrecoverable", "no such zone")
    assert "KeyError: 'zone'" in why(job).trace


@simulated
async def test_later_and_rate_limited_use_up_no_attempt() -> None:
    async def later() -> None:
        raise Later(60)

    async def limited() -> None:
        raise RateLimited(5)

    job = await outcome(later)
    assert (job.state, job.due_at, job.attempts_made) == ("delayed", clock() + 60_000, 0)
    job = await outcome(limited)
    assert (job.state, job.attempts_made, job.failures) == ("waiting", 0, ())


@simulated
async def test_waiting_for_children_that_are_not_there_runs_again_after_a_pause() -> None:
    async def parent() -> None:
        raise WaitForChildren

    job = await outcome(parent)
    assert (job.state, job.due_at, job.attempts_made) == ("delayed", clock() + CHILDLESS_MS, 0)


@pytest.mark.parametrize("nonsense", [float("nan"), "soon", None])
def test_a_pause_that_is_no_number_fails_the_job(nonsense: Any) -> None:
    async def later() -> None:
        raise Later(nonsense)

    @simulated
    async def check() -> None:
        job = await outcome(later)
        assert job.state == "failed"

    check()


@simulated
async def test_a_timeout_cancels_the_handler_and_may_be_tried_again() -> None:
    async def slow() -> None:
        await asyncio.sleep(100)

    job = await outcome(slow, timeout_ms=2_000, attempts=2, backoff=Exponential(1_000))
    assert (job.state, why(job).cause, why(job).reason) == ("delayed", "timeout", "not done within 2 s")


@simulated
async def test_a_handler_that_swallows_its_timeout_has_timed_out_all_the_same() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "done nevertheless"
        return "done"

    job = await outcome(stubborn, timeout_ms=2_000)
    assert (job.state, why(job).cause, job.result) == ("failed", "timeout", None)


@simulated
async def test_a_timeout_error_of_the_handlers_own_is_an_error() -> None:
    async def inner() -> None:
        raise TimeoutError("the server is slow")

    job = await outcome(inner, timeout_ms=2_000)
    assert (why(job).cause, why(job).reason) == ("error", "the server is slow")


@pytest.mark.parametrize("result", [object(), float("nan"), "x" * DATA_MAX])
def test_a_result_that_cannot_be_kept_fails_the_job_for_good(result: Any) -> None:
    async def give() -> Any:
        return result

    @simulated
    async def check() -> None:
        job = await outcome(give, attempts=5)
        assert (job.state, why(job).cause) == ("failed", "unrecoverable")

    check()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
def test_nothing_that_a_handler_raises_ends_the_worker(error: BaseException) -> None:
    async def raises() -> None:
        raise error

    async def fine() -> None:
        pass

    @simulated
    async def check() -> None:
        store = await memory()
        bad, good = await add(store, "raises", "fine")
        await run_until_idle(store, registry(raises, fine))
        assert (await get(store, bad)).state == "failed"
        assert (await get(store, good)).state == "completed"

    check()


@simulated
async def test_a_handler_that_cancels_its_own_task_fails() -> None:
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    assert (await outcome(suicidal)).state == "failed"


@simulated
async def test_a_custom_backoff_is_asked_with_the_attempt_and_the_failure() -> None:
    asked: list[tuple[int, str]] = []

    def mine(attempt: int, failed: Failure) -> float:
        asked.append((attempt, failed.reason))
        return 42

    job = await outcome(boom, pauses={"mine": mine}, attempts=2, backoff=Custom("mine"))
    assert (job.state, job.due_at, asked) == ("delayed", clock() + 42_000, [(1, "no such zone")])


@simulated
async def test_a_custom_backoff_can_end_it() -> None:
    job = await outcome(boom, pauses={"mine": lambda *_: None}, attempts=9, backoff=Custom("mine"))
    assert (job.state, job.attempts_made) == ("failed", 1)


@simulated
async def test_a_custom_backoff_that_is_missing_or_breaks_waits_a_minute() -> None:
    def broken(*_: Any) -> float:
        raise KeyError("x")

    for pauses in ({}, {"mine": broken}):
        job = await outcome(boom, pauses=pauses, attempts=2, backoff=Custom("mine"))
        assert (job.state, job.due_at) == ("delayed", clock() + 60_000)


@simulated
async def test_middleware_wraps_every_run_the_first_outermost() -> None:
    seen: list[str] = []

    async def outer(context: Context, run: Next) -> Any:
        seen.append(f"outer {context.job.name}")
        return [await run()]

    async def inner(context: Context, run: Next) -> Any:
        seen.append("inner")
        assert current().job is context.job
        return await run()

    async def give() -> int:
        return 1

    store = await memory()
    (ref,) = await add(store, "give")
    await run_until_idle(store, registry(give), middleware=[outer, inner])
    assert (seen, (await get(store, ref)).result) == (["outer give", "inner"], "[1]")


@simulated
async def test_a_job_without_a_handler_is_put_off_unburnt() -> None:
    store = await memory()
    made = registry(boom)
    async with Worker(store, made):
        made._named.clear()  # claimed by name, and gone when it comes to be run: reload may do this
        (ref,) = await add(store, "boom")
        await asyncio.sleep(1)
    job = await get(store, ref)
    assert (job.state, job.attempts_made, job.failures) == ("delayed", 0, ())


def test_long_reasons_keep_their_beginning_and_long_traces_their_end() -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            raise ValueError("ä" * 100_000)

    with pytest.raises(ValueError, match="ä") as caught:
        deep(200)
    kept = failure(caught.value, 1)
    assert len(kept.reason.encode()) <= REASON_MAX
    assert len(kept.trace.encode()) <= TRACE_MAX
    assert kept.reason.startswith("ää")
    assert tail("first\nsecond\nthird", 13) == "second\nthird"


def test_text_that_no_store_can_keep_is_mended() -> None:
    assert head("a\0b\ud800c") == "a\ufffdb?c"


def test_an_error_that_cannot_say_what_it_is_still_has_a_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert failure(Mute(), 1).kind == "Mute"
    assert failure(ValueError(), 1).reason == "ValueError"
    assert failure(KeyError("zone"), 1).reason == "'zone'"
    assert sys.exc_info() == (None, None, None)


def test_a_run_that_has_ended_leaves_nothing_to_the_garbage_collector() -> None:
    async def fine() -> None:
        pass

    def left(count: int) -> int:
        @simulated
        async def check() -> None:
            store = await memory()
            await add(store, *["fine", "boom"] * count)
            await run_until_idle(store, registry(fine, boom), concurrency=10)
            gc.collect()
            await add(store, *["fine", "boom"] * count)
            await run_until_idle(store, registry(fine, boom), concurrency=10)
            found.append(gc.collect())

        found: list[int] = []
        check()
        return found[0]

    gc.disable()
    try:
        left(20)  # what other tests have left behind, and what is made once
        assert left(200) - left(20) < 100
    finally:
        gc.enable()
