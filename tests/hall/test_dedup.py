"""Dedup keys as users give them: what is refused, and what the caller is told."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import headrace
from headrace import Dedup
from headrace.core import jobs as core
from headrace.errors import InvalidName, InvalidOption, NoSuchQueue

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"key": ""}, InvalidName, "the dedup key '' is empty"),
    ({"key": "  "}, InvalidName, "is empty"),
    ({"key": 5}, InvalidName, "is not text but int"),
    ({"key": "a\nb"}, InvalidName, "control characters"),
    ({"key": "ü" * 129}, InvalidName, "longer than 256 bytes"),
    ({"ttl": -1}, InvalidOption, "ttl is -1 s; it lies between 0.001"),
    ({"ttl": 0}, InvalidOption, "ttl is 0 s"),
    ({"ttl": "60"}, InvalidOption, "ttl is str"),
    ({"ttl": 60, "forever": True}, InvalidOption, "for a ttl or forever; give one"),
    ({"extend": True}, InvalidOption, "give ttl, too"),
    ({"extend": True, "forever": True}, InvalidOption, "give ttl, too"),
    ({"replace": True, "reschedule": True}, InvalidOption, "replaces the delayed job or reschedules it"),
    ({"keep_last": True, "ttl": 60}, InvalidOption, "leave ttl and forever out"),
    ({"keep_last": True, "forever": True}, InvalidOption, "leave ttl and forever out"),
    ({"replace": 1}, InvalidOption, "replace is int; it is True or False"),
]


@pytest.mark.parametrize(("fields", "kind", "problem"), WRONG)
def test_a_key_that_means_nothing_is_refused_when_it_is_made(
    fields: dict[str, Any], kind: type[Exception], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        Dedup(**{"key": "k"} | fields)


def test_a_key_is_stored_in_milliseconds() -> None:
    made = Dedup("k", timedelta(minutes=1), extend=True, replace=True, keep_last=False)
    assert made.stored() == core.Dedup("k", 60_000, extends=True, replaces=True)


async def refused(app: headrace.App, call: headrace.Call[Any], problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        await app.enqueue(call)
    with pytest.raises(InvalidOption, match=problem):
        await app.enqueue_many([app.queue("q").call("fine"), call])
    assert await app.queues() == []


@pytest.mark.parametrize("how", [{"replace": True}, {"reschedule": True}])
async def test_to_meet_a_delayed_job_there_must_be_a_delay(app: headrace.App, how: dict[str, bool]) -> None:
    call = app.queue("q").call("x").options(dedup=Dedup("k", **how))  # type: ignore[arg-type]
    await refused(app, call, "give delay, too")
    assert not (await app.enqueue(call.options(delay=5))).is_duplicate


async def test_what_is_to_be_kept_has_no_id_of_its_own(app: headrace.App) -> None:
    await refused(app, app.queue("q").call("x").options(job_id="a", dedup=Dedup("k", keep_last=True)), "job_id")


async def test_a_child_has_no_key(app: headrace.App) -> None:
    queue = app.queue("q")
    leaf = queue.call("leaf").options(dedup=Dedup("k"))
    await refused(app, queue.call("root").after(leaf), "leaf is part of a flow and has a dedup key")
    await refused(app, queue.call("root").after(queue.call("mid").after(leaf)), "leaf is part of a flow")
    root = await app.enqueue(queue.call("root").after(queue.call("other")))
    with pytest.raises(InvalidOption, match="leaf is part of a flow"):
        await root.add_child(leaf)


@pytest.mark.parametrize("how", ["replace", "reschedule", "keep_last"])
async def test_a_duplicate_with_children_can_only_be_dropped(app: headrace.App, how: str) -> None:
    queue = app.queue("q")
    call = queue.call("root").options(dedup=Dedup("k", **{how: True}), delay=5)  # type: ignore[arg-type]
    await refused(app, call.after(queue.call("leaf")), "root has children: a duplicate can only be dropped")


async def test_an_add_of_a_flow_says_whether_it_was_dropped(app: headrace.App) -> None:
    queue = app.queue("q")
    call = queue.call("root").options(dedup=Dedup("k")).after(queue.call("leaf"), queue.call("leaf"))
    first, again = await app.enqueue(call), await app.enqueue(call)
    assert (first.is_duplicate, again.is_duplicate, again) == (False, True, first)
    assert len((await app.tree(first)).nodes) == 3
    assert sum((await queue.counts()).values()) == 3


async def test_each_call_of_a_bulk_add_is_told(app: headrace.App) -> None:
    queue = app.queue("q")
    flow = queue.call("root").after(queue.call("leaf"))
    keyed = queue.call("x").options(dedup=Dedup("k"))
    named = queue.call("x").options(job_id="mine")
    jobs = await app.enqueue_many([flow, keyed, keyed, named, named])
    assert [job.is_duplicate for job in jobs] == [False, False, True, False, True]
    assert (jobs[2], jobs[4]) == (jobs[1], jobs[3])


async def test_a_job_that_was_added_by_name_is_told_too(app: headrace.App) -> None:
    queue = app.queue("q")
    how = Dedup("k", replace=True)
    first = await queue.add("x", {"n": 1}, delay=60, dedup=how)
    again = await queue.add("x", {"n": 2}, delay=60, dedup=how)
    assert (again.is_duplicate, again.replaced, first.replaced) == (False, first.ref, None)
    assert (await again.refresh()).data == '{"n":2}'
    assert not await queue.jobs("id:1")


async def test_duplicates_are_events_of_the_job_that_has_the_key(app: headrace.App) -> None:
    queue = app.queue("q")
    job = await queue.add("x", dedup=Dedup("k"))
    await queue.add("x", dedup=Dedup("k"))
    await job.cancel()
    states = [event.state async for event in job.events(after={}) if isinstance(event, headrace.Event)]
    assert states == ["waiting", "deduplicated", "failed"]


async def test_a_flow_ends_for_its_reader_though_the_last_event_is_a_duplicate(app: headrace.App) -> None:
    queue = app.queue("q")
    job = await queue.add("x", dedup=Dedup("k", forever=True))
    await job.cancel()
    await queue.add("x", dedup=Dedup("k", forever=True))
    states = [event.state async for event in job.events(after={}) if isinstance(event, headrace.Event)]
    assert states == ["waiting", "failed", "deduplicated"]


async def test_a_key_is_forgotten_by_hand(app: headrace.App) -> None:
    queue = app.queue("q")
    with pytest.raises(NoSuchQueue):
        await queue.forget_dedup("k")
    job = await queue.add("x", dedup=Dedup("k", forever=True))
    with pytest.raises(InvalidName):
        await queue.forget_dedup("")
    assert await queue.forget_dedup("other") is None
    assert await queue.forget_dedup("k") == job.ref
    assert not (await queue.add("x", dedup=Dedup("k"))).is_duplicate


async def test_who_has_a_key_can_be_asked(app: headrace.App) -> None:
    queue = app.queue("q")
    assert await queue.dedup("k") is None
    assert await app.queues() == [], "to ask makes no queue"
    job = await queue.add("x", dedup=Dedup("k", forever=True))
    assert await queue.dedup("k") == headrace.DedupRecord(job.ref, is_forever=True)
    assert await app.queue("other").dedup("k") is None
    with pytest.raises(InvalidName):
        await queue.dedup("")


async def test_why_names_the_key_of_a_job_that_may_be_delayed_for_ever(app: headrace.App) -> None:
    queue = app.queue("q")
    one = await queue.add("x", delay=60, dedup=Dedup("k", replace=True))
    other = await queue.add("x", delay=60, dedup=Dedup("other", reschedule=True))
    assert (await one.why())[1].startswith("each job that is added meanwhile with its dedup key 'k' takes its place; ")
    said = "each job that is added meanwhile with its dedup key 'other' lets its delay begin anew; "
    assert (await other.why())[1].startswith(said)


async def test_what_is_kept_runs_when_the_job_before_has_ended(app: headrace.App) -> None:
    queue, runs = app.queue("q"), []

    @app.handler("q")
    async def note(job: headrace.Job[Any]) -> None:
        runs.append(job.data["n"])
        if job.data["n"] == 1:
            for n in (2, 3):
                again = await queue.add("x", {"n": n}, dedup=Dedup("k", keep_last=True))
            assert (again.is_duplicate, again.is_kept, again) == (True, True, job)
        dropped = await queue.add("x", {"n": 9}, dedup=Dedup("k"))
        assert (dropped.is_duplicate, dropped.is_kept) == (True, False)

    await queue.add("x", {"n": 1}, dedup=Dedup("k", keep_last=True))
    await app.worker().run_until_idle()
    assert runs == [1, 3]


async def test_two_hundred_adds_at_once_add_one_job(app: headrace.App) -> None:
    call = app.queue("q").call("x").options(dedup=Dedup("k"))
    jobs = await asyncio.gather(*(app.enqueue(call) for _ in range(200)))
    assert sum(not job.is_duplicate for job in jobs) == 1
    assert len(set(jobs)) == 1
