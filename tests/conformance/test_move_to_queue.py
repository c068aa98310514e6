"""Move with the action `move`: a job goes over to another queue."""

import pytest
from msgspec.structs import replace

from headrace.core.commands import Forget, Moved
from headrace.core.errors import DuplicateId, LeaseLost, NoMatch, NoSuchJob
from headrace.core.flow_errors import InFlow
from headrace.core.jobs import State
from headrace.core.log import Change
from headrace.core.query import parse

from .clock import FrozenClock
from .desk import Desk, child, done, failed, ids, later, new, parent, pause, ref


async def job_in(desk: Desk, state: State) -> None:
    """The job q/2, with a history, notes and lines."""
    options = {"attempts": 3, "backoff": pause(1)} if state != "failed" else {"attempts": 2, "backoff": pause(1)}
    fields = {"priority": 7} if state == "prioritized" else {}
    await desk.add(new(id="first"), new("work", data='{"a":  1}', **options, **fields))
    await desk.remove(ref("first"))
    await desk.annotate(ref("2"), progress="50", notes='{"why":"me"}', lines=("one", "two"))
    await desk.settle(failed(await desk.claim_one()))


async def settled(desk: Desk, clock: FrozenClock, state: State) -> None:
    await job_in(desk, state)
    if state == "delayed":
        return
    clock.advance(1)
    lease = await desk.claim_one()
    match state:
        case "completed":
            await desk.settle(done(lease, '"r"'))
        case "failed":
            await desk.settle(failed(lease))
        case _:
            await desk.settle(later(lease, 0))


@pytest.mark.parametrize("state", ["waiting", "prioritized", "delayed", "completed", "failed"])
async def test_all_that_is_known_of_a_job_goes_along(desk: Desk, clock: FrozenClock, state: State) -> None:
    await settled(desk, clock, state)
    before = await desk.record(ref("2"))
    assert before.state == state
    clock.advance(5)
    assert await desk.moved("move", ref("2"), to="r") == Moved((None,), (), (ref("1", "r"),))
    assert await desk.record(ref("1", "r")) == replace(before, queue="r", id="1")
    assert not await desk.exists(ref("2"))
    assert (await desk.counts("q"), await desk.counts("r")) == ({}, {state: 1})
    assert (await desk.events("q"))[-1] == ("2", Change("removed", state))
    assert await desk.events("r") == [("1", Change(state))]
    await desk.run(Forget("q"))
    await desk.remove(ref("1", "r"))


@pytest.mark.parametrize("state", ["waiting", "delayed", "failed"])
async def test_a_job_lives_on_where_it_is_now(desk: Desk, clock: FrozenClock, state: State) -> None:
    await settled(desk, clock, state)
    await desk.move("move", ref("2"), to="r")
    if state == "failed":
        await desk.move("retry", ref("1", "r"))
    clock.advance(1)
    lease = await desk.claim_one("r")
    assert (lease.id, lease.data, lease.attempts_made) == ("1", '{"a":  1}', 0 if state == "failed" else 1)
    await desk.annotate(ref("1", "r"), notes='{"more":1}', lines=("three",))
    await desk.settle(done(lease))
    assert (await desk.record(ref("1", "r"))).notes in ('{"why":"me","more":1}', '{"more":1,"why":"me"}')
    assert await desk.claim() == ()


async def test_a_job_waits_in_its_queue_from_the_move_on(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    clock.advance(40)
    await desk.move("move", ref("1"), to="r")
    clock.advance(5)
    assert (await desk.claim_one("r")).waited_ms == 5


async def test_a_ready_job_goes_to_the_back_and_wakes_who_waits(desk: Desk) -> None:
    await desk.add(new(), new(), new(queue="r"), new(queue="r", priority=1))
    await desk.store.wait(["ready/r"], 0)
    await desk.move("move", ref("2"), ref("1"), to="r")
    assert await desk.store.wait(["ready/r"], 0) == {"ready/r"}
    assert ids(await desk.claim("r")) == ["1", "3", "4", "2"]
    assert await desk.add(new(queue="r")) == (ref("5", "r"),)


async def test_a_custom_id_stays_unless_it_is_taken_there(desk: Desk) -> None:
    await desk.add(new(id="x"), new(id="y"), new(id="y", queue="r"))
    moved = await desk.moved("move", ref("x"), ref("y"), ref("nobody"), ref("x"), to="r")
    assert moved.refusals == (
        None,
        DuplicateId(queue="r", id="y"),
        NoSuchJob(queue="q", id="nobody"),
        NoSuchJob(queue="q", id="x"),
    )
    assert moved.jobs == (ref("x", "r"), ref("y"), ref("nobody"), ref("x"))
    assert await desk.add(new(id="x")) == (ref("x"),)
    assert await desk.states(ref("x"), ref("x", "r")) == ["waiting", "waiting"]
    assert (await desk.moved("move", ref("x"), to="r")).refusals == (DuplicateId(queue="r", id="x"),)


async def test_a_job_of_a_flow_stays_with_it(desk: Desk) -> None:
    await desk.add(parent("p"), child("p", name="c"))
    assert (await desk.moved("move", ref("2"), to="r")).refusals == (InFlow(queue="q", id="2"),)
    await desk.finish()
    assert (await desk.moved("move", ref("p"), ref("2"), to="r")).refusals == (
        InFlow(queue="q", id="p"),
        InFlow(queue="q", id="2"),
    )
    assert await desk.counts("r") == {}


async def test_a_job_whose_parent_is_gone_may_move(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.remove(ref("p"))
    await desk.move("move", ref("2"), to="r")
    assert (await desk.record(ref("1", "r"))).parent is None


async def test_children_that_were_dropped_do_not_hold_their_parent_and_do_not_follow_it(
    desk: Desk, engine: str
) -> None:
    await desk.add(parent("p"), child("p", policy="drop", name="c"))
    await desk.fail()
    await desk.move("move", ref("p"), to="r")
    if engine == "redis":  # nothing in BullMQ's layout leads from a parent to a child that it has dropped
        assert await desk.exists(ref("p", "r"))
        return
    await desk.add(new(id="p"))  # a stranger
    assert (await desk.record(ref("2"))).parent is None
    await desk.move("move", ref("2"), to="r")
    await desk.remove(ref("p", "r"))
    assert (await desk.record(ref("2", "r"))).parent is None


async def test_a_refused_move_makes_no_queue(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.moved("move", ref("2"), to="s")
    assert await desk.events("s") == []
    assert (await desk.refusal(Forget("s"))).code == "no-such-queue"


async def test_a_deferred_failure_moves_along(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(max_stalled=0))
    await desk.claim(lease_ms=10)
    clock.advance(10)
    await desk.recover()
    await desk.move("move", ref("1"), to="r")
    lease = await desk.claim_one("r")
    assert lease.deferred is not None
    assert await desk.settle(failed(lease)) == (None,)


async def test_what_no_longer_fits_the_query_is_left_alone(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new(), new(priority=3), new(delay_ms=5), new(id="x"))
    everything = [ref("1"), ref("2"), ref("3"), ref("x"), ref("nobody")]
    moved = await desk.moved("prioritise", *everything, priority=9, where=parse("waiting -id:x"))
    no = [NoMatch(queue="q", id=one) for one in ("2", "3", "x")]
    assert moved.refusals == (None, *no, NoSuchJob(queue="q", id="nobody"))
    assert (await desk.moved("move", ref("x"), ref("x"), to="r", where=parse("priority:0"))).refusals == (
        None,
        NoSuchJob(queue="q", id="x"),
    )
    clock.advance(1_000)
    assert (await desk.moved("cancel", ref("3"), where=parse("age:<1s"))).refusals == (NoMatch(queue="q", id="3"),)
    assert await desk.state(ref("3")) == "delayed"


async def test_what_fits_is_seen_when_the_command_begins(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    moved = await desk.moved("cancel", ref("2"), ref("p"), where=parse("waiting,waiting-children -error:child-failed"))
    assert moved.refusals == (None, None)


async def test_removing_heeds_the_query_too(desk: Desk) -> None:
    await desk.add(new("a"), new("b"), new("a", delay_ms=5))
    removed = await desk.remove(ref("1"), ref("2"), ref("3"), ref("1"), where=parse("name:a waiting"))
    assert removed.jobs == (ref("1"),)
    assert removed.refusals == (
        None,
        NoMatch(queue="q", id="2"),
        NoMatch(queue="q", id="3"),
        NoSuchJob(queue="q", id="1"),
    )


async def test_by_force_a_running_job_goes_and_its_worker_loses_the_lease(desk: Desk) -> None:
    await desk.add(new(), new())
    first, second = await desk.claim()
    removed = await desk.remove(ref("1"), is_forced=True)
    assert (removed.jobs, removed.refusals) == ((ref("1"),), (None,))
    assert await desk.settle(done(first), done(second)) == (LeaseLost(queue="q", id="1"), None)
    assert (await desk.renew(first)).lost == (ref("1"),)
    assert await desk.counts() == {"completed": 1}
    assert (await desk.events())[-2:] == [("1", Change("removed", "active")), ("2", Change("completed", "active"))]
