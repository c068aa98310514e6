"""What can never be right is refused by name, before anything is changed."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import headrace
from headrace.errors import BadQuery, InvalidOption, Misuse

Ask = Callable[[headrace.App, Any], Any]


def print_nothing() -> None: ...


async def first(items: AsyncIterator[Any]) -> Any:
    return await anext(items)


@pytest.mark.parametrize(
    ("ask", "value", "says"),
    [
        (lambda app, after: first(app.queue("q").events(after=after)), "5", "after is '5', but the events of 'q'"),
        (lambda app, after: app.select("q").jobs(after=after), 5, "after is 5; give the cursor of the page before"),
        (lambda app, after: app.select("q").retry(after=after), 5, "after is 5; give the cursor of the page before"),
        (lambda app, query: app.queue("q").jobs(query), None, "the query is NoneType; it is text"),
        (lambda app, progress: app.select("q").remove(progress=progress), 5, "progress is int; it is a function"),
        (lambda app, progress: app.queue("q").clean("failed", progress=progress), 5, "progress is int"),
        (lambda app, progress: app.queue("q").obliterate(progress=progress), 5, "progress is int"),
        (lambda app, reason: app.select("q").cancel(reason), None, "reason is NoneType; it is text"),
        (lambda app, worker: app.workers.pause(worker), 5, "a worker is named by its id, a text, and not by 5"),
        (lambda app, worker: app.workers.get(worker), None, "a worker is named by its id, a text, and not by None"),
    ],
)
async def test_a_value_of_another_kind_is_refused_by_name(app: headrace.App, ask: Ask, value: Any, says: str) -> None:
    job = await app.queue("q").add("x")
    with pytest.raises(InvalidOption, match=says):
        await ask(app, value)
    assert await job.state() == "waiting"
    (queue,) = await app.queues()
    assert not queue.is_paused


@pytest.mark.parametrize(
    ("after", "says"), [(5, "give the position of each queue, as in {'q': 7}"), ({"q": "5"}, "after is '5'")]
)
async def test_the_positions_of_a_flow_are_those_of_its_queues(app: headrace.App, after: Any, says: str) -> None:
    job = await app.queue("q").add("x")
    with pytest.raises(InvalidOption, match=says):
        await first(job.events(after=after))


async def test_why_a_job_was_cancelled_is_text_that_any_store_keeps(app: headrace.App) -> None:
    """A reason that is no text made the job unreadable for ever, and every page with it."""
    job = await app.queue("q").add("x")
    with pytest.raises(InvalidOption, match="reason is int; it is text"):
        await job.cancel(5)  # type: ignore[arg-type]
    assert await job.cancel("no\0 \ud800" + "x" * 10_000)
    reason = (await job.refresh()).failure.reason  # type: ignore[union-attr]
    assert reason.startswith("no\ufffd ?x")
    assert len(reason) < 5_000


@pytest.mark.parametrize("word", ["failed,wating", "wating,failed"])
def test_a_slip_among_states_is_no_name_of_a_queue(word: str) -> None:
    """It fitted nothing, and a sweep of it did nothing and said nothing."""
    with pytest.raises(BadQuery, match="names the unknown state 'wating'; did you mean waiting"):
        headrace.App("memory://").select(word)


@pytest.mark.parametrize(("value", "kind"), [("3", "str"), (1.5, "float"), (True, "bool")])
def test_the_concurrency_of_a_worker_is_a_whole_number(app: headrace.App, value: Any, kind: str) -> None:
    app.task(print_nothing)
    with pytest.raises(InvalidOption, match=f"concurrency is {kind}; it is a whole number"):
        app.worker(concurrency=value)


@pytest.mark.parametrize("happening", [None, [], "fail"])
def test_a_hook_is_for_something_that_happens(app: headrace.App, happening: Any) -> None:
    with pytest.raises(Misuse, match=r"nothing called .* happens; "):
        app.on(happening)


def test_a_hook_is_a_function(app: headrace.App) -> None:
    with pytest.raises(Misuse, match="5 is to hear of 'failed', and cannot be called; give a function"):
        app.on("failed")(5)  # type: ignore[type-var]
    assert app.hooks.failed == ()
