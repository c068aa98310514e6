"""Remove: named jobs, or a page of what a description fits."""

import pytest

from headrace.core.commands import Lines, Remove, Removed
from headrace.core.errors import NoSuchJob, WrongState
from headrace.core.jobs import State
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, child, done, failed, ids, keep, new, parent, ref


async def test_a_removed_job_is_gone(desk: Desk) -> None:
    (job,) = await desk.add(new(id="a", priority=2))
    await desk.annotate(job, lines=("x",), progress="1")
    assert await desk.remove(job) == Removed((job,), (None,))
    assert not await desk.exists(job)
    assert await desk.counts() == {}
    assert await desk.refusal(Lines(job)) == NoSuchJob(queue="q", id="a")
    assert (await desk.changes(job))[-1] == Change("removed", "prioritized")
    assert await desk.claim() == ()


async def test_nothing_of_a_removed_job_comes_back_with_its_id(desk: Desk) -> None:
    (job,) = await desk.add(new(id="a", attempts=2))
    await desk.annotate(job, lines=("x",), progress="1", notes='{"a":1}', data="2")
    await desk.settle(failed(await desk.claim_one()))
    await desk.remove(job)
    await desk.add(new(id="a"))
    record = await desk.record(job)
    assert (record.data, record.progress, record.notes, record.failures) == ("{}", None, None, ())
    assert (record.attempts_made, record.attempts_started, record.children) == (0, 0, 0)
    assert (await desk.run(Lines(job))).count == 0


async def test_each_named_job_is_answered(desk: Desk) -> None:
    await desk.add(new(), new(), new(queue="r"))
    await desk.claim_one()
    removed = await desk.remove(ref("nobody"), ref("1"), ref("2"), ref("2"), ref("1", "r"))
    assert removed.jobs == (ref("2"), ref("1", "r"))
    assert removed.refusals == (
        NoSuchJob(queue="q", id="nobody"),
        WrongState(queue="q", id="1", state="active"),
        None,
        NoSuchJob(queue="q", id="2"),
        None,
    )


async def test_removing_nothing_is_allowed(desk: Desk) -> None:
    assert await desk.remove() == Removed()
    assert await desk.run(Remove(queue="nowhere", states=("waiting",))) == Removed()


async def test_a_job_in_any_state_but_active_can_be_removed(desk: Desk) -> None:
    await desk.add(new(), new(), new(), new(priority=1), new(delay_ms=9), parent("p"), child("p", queue="r"))
    a, b = await desk.claim(limit=2)
    await desk.settle(done(a), failed(b))
    jobs = tuple(ref(name) for name in ("1", "2", "3", "4", "5", "p"))
    assert (await desk.remove(*jobs)).jobs == jobs
    assert await desk.counts() == {}


async def test_a_parent_is_released_when_its_last_pending_child_is_removed(desk: Desk) -> None:
    await desk.add(new(), parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.remove(ref("1", "r"))
    assert (await desk.record(ref("p"))).children_pending == 1
    await desk.remove(ref("2", "r"))
    assert await desk.ids("waiting") == ["p", "1"]
    assert (await desk.changes(ref("p")))[-1] == Change("waiting", "waiting-children")


async def test_a_parent_forgets_a_child_that_was_removed_before_it_was_done(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"), child("p", queue="r"))
    await desk.remove(ref("1", "r"))
    assert [node.job for node in await desk.tree(ref("p"))] == [ref("p"), ref("2", "r")]
    assert (await desk.record(ref("p"))).children == 1


async def test_a_parent_keeps_the_result_of_a_completed_child_that_is_removed(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r", id="c"), child("p", queue="r"))
    await desk.finish("r", result="1")
    await desk.remove(ref("c", "r"))
    node = (await desk.tree(ref("p")))[1]
    assert (node.job, node.record, node.value, node.is_pending) == (ref("c", "r"), None, "1", False)
    assert await desk.state(ref("p")) == "waiting-children"


async def test_children_of_a_removed_job_go_on_without_a_parent(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", queue="r"))
    await desk.remove(ref("p"))
    record = await desk.record(ref("1", "r"))
    assert (record.state, record.parent) == ("waiting", None)


async def test_a_page_takes_finished_jobs_by_the_time_they_finished(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(4)))
    for lease in reversed(await desk.claim()):
        await desk.settle(done(lease))
        clock.advance(1)
    removed = await desk.remove(queue="q", states=("completed",), limit=2)
    assert (ids(removed.jobs), removed.refusals) == (["4", "3"], ())
    assert ids((await desk.remove(queue="q", states=("completed",))).jobs) == ["2", "1"]


async def test_a_page_takes_other_jobs_by_the_time_they_were_added(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(lifo=True), new(lifo=True), new(priority=2), new(priority=1), new(delay_ms=9), new(delay_ms=1))
    for state, expected in (("waiting", ["1", "2"]), ("prioritized", ["3", "4"]), ("delayed", ["5", "6"])):
        removed = await desk.run(Remove(queue="q", states=(state,)))  # type: ignore[arg-type]
        assert ids(removed.jobs) == expected


async def test_a_page_goes_state_by_state(desk: Desk) -> None:
    await desk.add(new(), new(delay_ms=1), new(), new(priority=1))
    removed = await desk.remove(queue="q", states=("delayed", "waiting", "prioritized"), limit=3)
    assert ids(removed.jobs) == ["2", "1", "3"]


async def test_a_page_leaves_the_newest_of_each_state(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(3)), *(new(delay_ms=1) for _ in range(3)))
    removed = await desk.remove(queue="q", states=("waiting", "delayed"), keep_count=2)
    assert ids(removed.jobs) == ["1", "4"]


async def test_a_page_leaves_what_is_young(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    clock.advance(10)
    await desk.add(new())
    clock.advance(5)
    assert ids((await desk.remove(queue="q", states=("waiting",), older_ms=15)).jobs) == ["1"]
    assert ids((await desk.remove(queue="q", states=("waiting",), older_ms=6)).jobs) == []
    assert ids((await desk.remove(queue="q", states=("waiting",), older_ms=5)).jobs) == ["2"]


@pytest.mark.parametrize("states", [(), ("active",), ("completed",)])
async def test_a_page_takes_no_other_state_and_no_active_job(desk: Desk, states: tuple[str, ...]) -> None:
    await desk.add(new(), new())
    await desk.claim_one()
    assert await desk.run(Remove(queue="q", states=states)) == Removed()  # type: ignore[arg-type]
    assert await desk.counts() == {"waiting": 1, "active": 1}


async def test_a_page_of_children_releases_their_parents_once_they_are_gone(desk: Desk) -> None:
    await desk.add(parent("p"), *(child("p") for _ in range(3)), new())
    removed = await desk.remove(queue="q", states=("waiting",), limit=3)
    assert ids(removed.jobs) == ["2", "3", "4"]
    assert await desk.ids("waiting") == ["p", "5"]


async def test_a_page_may_hold_parents_and_their_children(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", id="m", has_children=True), child("m"))
    removed = await desk.remove(queue="q", states=("waiting-children", "waiting"))
    assert ids(removed.jobs) == ["p", "m", "3"]
    assert await desk.counts() == {}


async def test_a_queue_can_be_drained_page_by_page(desk: Desk) -> None:
    await desk.add(*(new(delay_ms=index % 2, priority=index % 3) for index in range(50)))
    gone = 0
    while jobs := (await desk.remove(queue="q", states=("waiting", "prioritized", "delayed"), limit=7)).jobs:
        gone += len(jobs)
    assert gone == 50
    assert await desk.counts() == {}


async def test_jobs_that_brought_their_own_retention_may_be_spared(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(keep_completed=keep(count=5)), new(keep_failed=keep(count=5)))
    for _ in range(3):
        await desk.finish()
    clock.advance(10)
    gone = await desk.remove(queue="q", states=("completed",), older_ms=5, spares_kept=True)
    assert ids(gone.jobs) == ["1", "3"]
    assert await desk.ids("completed") == ["2"]


async def test_jobs_that_are_spared_are_among_the_newest_too(desk: Desk) -> None:
    own = keep(count=9)
    await desk.add(new(), new(keep_completed=own), new(keep_completed=own), new(), new(keep_completed=own))
    for _ in range(5):
        await desk.finish()
    gone = await desk.remove(queue="q", states=("completed",), keep_count=2, spares_kept=True)
    assert ids(gone.jobs) == ["1"]
    assert ids((await desk.remove(queue="q", states=("completed",), keep_count=1, spares_kept=True)).jobs) == ["4"]


async def test_a_page_looks_at_so_many_jobs_and_the_next_goes_on_behind_those_that_stay(
    desk: Desk, clock: FrozenClock
) -> None:
    own, of_queue = keep(count=99), {"queue": "q", "states": ("failed", "completed"), "spares_kept": True}
    await desk.add(*(new(keep_completed=own if number % 3 else None) for number in range(12)))
    for _ in range(12):
        await desk.finish()
        clock.advance(1)
    pages: list[list[str]] = []
    reply = await desk.remove(**of_queue, keep_count=2, limit=3)
    while reply.spared is not None:
        pages.append(ids(reply.jobs))
        reply = await desk.remove(**of_queue, keep_count=2, limit=3, after=reply.spared)
    assert (pages, reply.jobs) == ([["1"], ["4"], ["7"]], (ref("10"),))
    assert len(await desk.ids("completed")) == 8


async def test_a_page_that_is_not_full_is_the_last(desk: Desk) -> None:
    await desk.add(new(), new(keep_completed=keep(count=9)))
    await desk.finish()
    await desk.finish()
    page = {"queue": "q", "states": ("completed",), "spares_kept": True}
    assert (await desk.remove(**page, limit=3)).spared is None
    assert await desk.remove(**page, keep_count=1) == Removed()


async def test_a_removed_child_leaves_its_name_and_result_with_its_parent(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", name="count", keep_completed=keep(count=0)), child("p", name="sum"))
    await desk.finish(result="7")
    _, counted, _ = await desk.tree(ref("p"))
    assert (counted.name, counted.value, counted.record) == ("count", "7", None)


@pytest.mark.parametrize("states", [("failed", "failed"), ("failed", "completed", "failed")])
async def test_a_state_that_is_named_twice_is_gone_through_once(desk: Desk, states: tuple[State, ...]) -> None:
    await desk.add(*(new(keep_failed=keep(count=99)) for _ in range(3)))
    for _ in range(3):
        await desk.fail()
    page = {"queue": "q", "states": states, "spares_kept": True}
    first = await desk.remove(**page, limit=2)
    assert first.spared is not None
    assert (first.jobs, first.spared.state, first.spared.count) == ((), "failed", 2)
    assert (await desk.remove(**page, limit=2, after=first.spared)).spared is None
    assert await desk.counts() == {"failed": 3}


async def test_jobs_that_are_not_finished_are_not_spared(desk: Desk) -> None:
    await desk.add(new(keep_completed=keep(1), keep_failed=keep(1)), new(delay_ms=5, keep_failed=keep(1)))
    removed = await desk.remove(queue="q", states=("waiting", "delayed"), spares_kept=True)
    assert ids(removed.jobs) == ["1", "2"]


async def test_a_job_from_another_queue_goes_by_when_it_was_added(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(queue="r"))
    clock.advance(10)
    await desk.add(new(), new())
    await desk.move("move", ref("1", "r"), to="q")
    assert ids((await desk.remove(queue="q", states=("waiting",), older_ms=5)).jobs) == ["3"]
    assert ids((await desk.remove(queue="q", states=("waiting",), limit=1)).jobs) == ["1"]
