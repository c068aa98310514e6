"""Find: the jobs of a queue in one state, page by page."""

import pytest

from headrace.core.commands import Find, Found
from headrace.core.jobs import STATES, State

from .clock import FrozenClock
from .desk import Desk, awaits_children, child, done, ids, new, parent


@pytest.mark.parametrize("state", STATES)
async def test_a_queue_without_such_jobs_gives_an_empty_page(desk: Desk, state: State) -> None:
    assert await desk.run(Find("nowhere", state)) == Found(())
    await desk.add(new(queue="r"))
    await desk.remove(*await desk.add(new()))
    assert await desk.run(Find("q", state)) == Found(())


async def test_ready_jobs_come_as_they_will_be_claimed(desk: Desk) -> None:
    await desk.add(new(), new(priority=3), new(lifo=True), new(priority=1), new(), new(priority=3))
    found = [*await desk.ids("waiting"), *await desk.ids("prioritized")]
    assert found == ["3", "1", "5", "4", "2", "6"]
    assert found == ids(await desk.claim())


async def test_delayed_jobs_come_by_the_time_they_are_due(desk: Desk) -> None:
    await desk.add(new(delay_ms=30), new(delay_ms=10), new(delay_ms=30), new(delay_ms=20))
    assert await desk.ids("delayed") == ["2", "4", "1", "3"]


async def test_active_jobs_come_by_the_end_of_their_lease(desk: Desk) -> None:
    await desk.add(new(), new(), new(), new())
    leases = [await desk.claim_one(lease_ms=lease_ms) for lease_ms in (30, 10, 30, 20)]
    assert await desk.ids("active") == ["2", "4", "1", "3"]
    await desk.renew(leases[1], lease_ms=25)
    assert await desk.ids("active") == ["4", "2", "1", "3"]


async def test_parents_come_by_the_time_they_began_to_wait(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(parent("p"), child("p", queue="r"), child("1", queue="r"))
    clock.advance(1)
    await desk.settle(awaits_children(lease))
    await desk.add(parent("s"), child("s", queue="r"))
    assert await desk.ids("waiting-children") == ["p", "1", "s"]


async def test_finished_jobs_come_newest_first(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(*(new() for _ in range(4)))
    a, b, c, d = await desk.claim()
    await desk.settle(done(d))
    clock.advance(1)
    await desk.settle(done(b), done(a))
    clock.advance(1)
    await desk.settle(done(c))
    assert await desk.ids("completed") == ["3", "2", "1", "4"]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("state", STATES)
async def test_pages_add_up(desk: Desk, state: State, page: int) -> None:
    fields = {"prioritized": {"priority": 2}, "delayed": {"delay_ms": 9}}.get(state, {})
    jobs = [new(**fields) for _ in range(5)]
    if state == "waiting-children":
        jobs = [job for name in "abcde" for job in (parent(name), child(name, queue="r"))]
    await desk.add(*jobs, new(queue="r", **fields))
    if state in {"active", "completed", "failed"}:
        for _ in range(5):
            await {"active": desk.claim_one, "completed": desk.finish, "failed": desk.fail}[state]()
    whole = await desk.found("q", state)
    assert len(whole) == 5
    assert await desk.found("q", state, page) == whole


async def test_the_last_page_has_no_cursor(desk: Desk) -> None:
    await desk.add(new(), new())
    first = await desk.run(Find("q", "waiting", 1))
    assert (ids(first.jobs), first.cursor is None) == (["1"], False)
    second = await desk.run(Find("q", "waiting", 1, first.cursor))
    assert (ids(second.jobs), second.cursor) == (["2"], None)
    assert (await desk.run(Find("q", "waiting", 2))).cursor is None


async def test_jobs_that_stay_are_seen_once_while_others_go(desk: Desk) -> None:
    jobs = await desk.add(*(new() for _ in range(6)))
    first = await desk.run(Find("q", "waiting", 3))
    await desk.remove(jobs[0], jobs[2], jobs[4])
    second = await desk.run(Find("q", "waiting", 3, first.cursor))
    assert ids(first.jobs) + ids(second.jobs) == ["1", "2", "3", "4", "6"]


async def test_a_page_gives_whole_records(desk: Desk) -> None:
    (job,) = await desk.add(new(priority=1, data="[]"))
    await desk.annotate(job, progress="1", notes="{}")
    assert await desk.found("q", "prioritized") == [await desk.record(job)]
