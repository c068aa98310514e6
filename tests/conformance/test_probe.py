"""The life of a job on every engine, also on those that do not know every command yet."""

from msgspec.structs import replace

from headrace.core.commands import Add, Claimed
from headrace.core.errors import DuplicateId, LeaseLost, NoSuchParent, WrongState
from headrace.core.jobs import Failure, JobRecord, JobRef, Lease, NewJob, Options
from headrace.core.lifecycle import STALLED_REASON, child_failed

from .clock import FrozenClock
from .desk import (
    LEASE_MS,
    Desk,
    awaits_children,
    child,
    done,
    failed,
    ids,
    keep,
    later,
    new,
    parent,
    pause,
    put_back,
    ref,
)


async def test_a_job_lives_from_add_to_result(probe: Desk, clock: FrozenClock) -> None:
    options = Options(attempts=2, backoff=pause(10), max_stalled=3, timeout_ms=7)
    job = NewJob("q", "résumé 🎉", '{"a": [1,  2], "n": 12345678901234567890}', priority=4, options=options)
    assert await probe.add(job) == (JobRef("q", "1"),)
    start = clock.now
    waiting = JobRecord("q", "1", job.name, "prioritized", job.data, options, 4, start)
    assert await probe.record(ref("1")) == waiting
    clock.advance(5)
    lease = await probe.claim_one(token="secret", worker="w")
    expected = Lease("q", "1", "secret", job.name, job.data, options, 4, start, 0, 1, 0)
    assert replace(lease, waited_ms=0) == expected  # PostgreSQL does not tell the wait yet
    active = await probe.record(ref("1"))
    assert (active.state, active.worker, active.started_at) == ("active", "w", clock.now)
    assert active.expires_at == clock.now + LEASE_MS
    clock.advance(5)
    assert await probe.settle(done(lease, '{"ok":true}')) == (None,)
    record = await probe.record(ref("1"))
    assert (record.state, record.result, record.attempts_made) == ("completed", '{"ok":true}', 1)
    assert (record.started_at, record.finished_at) == (clock.now - 5, clock.now)


async def test_jobs_come_unprioritised_first_then_by_priority_then_by_arrival(probe: Desk) -> None:
    await probe.add(new(priority=2), new(priority=1), new(), new(priority=1), new(), new(lifo=True))
    assert ids(await probe.claim(limit=2)) == ["6", "3"]
    assert ids(await probe.claim()) == ["5", "2", "4", "1"]
    assert await probe.claim() == ()


async def test_due_jobs_are_promoted_in_the_order_of_their_time(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(delay_ms=30), new(delay_ms=10), new(delay_ms=30), new(delay_ms=20, priority=1), new())
    assert ids(await probe.claim(limit=1)) == ["5"]
    assert await probe.claimed() == Claimed((), 10)
    clock.advance(30)
    assert ids(await probe.claim()) == ["2", "1", "3", "4"]


async def test_only_the_names_that_a_worker_serves_are_handed_out(probe: Desk) -> None:
    await probe.add(new("a"), new("b"), new("c", priority=1), new("a"))
    assert ids(await probe.claim(names=("c", "a"))) == ["1", "4", "3"]
    assert ids(await probe.claim()) == ["2"]


async def test_a_custom_id_is_stored_once(probe: Desk) -> None:
    await probe.add(new(id="a", data="1"))
    added = await probe.run(Add((new(), new(id="a", data="2"), new(id="b"), new(id="b"))))
    assert (added.jobs, added.existing) == ((ref("2"), ref("a"), ref("b"), ref("b")), (1, 3))
    assert (await probe.record(ref("a"))).data == "1"


async def test_a_repeated_request_gives_the_same_answer_and_changes_nothing(probe: Desk) -> None:
    first = await probe.add(new(), new(), request_id="request")
    assert await probe.add(new(), new(), request_id="request") == first
    assert ids(await probe.claim()) == ["1", "2"]


async def test_a_refused_add_stores_nothing(probe: Desk) -> None:
    await probe.add(new(id="a"))
    assert await probe.refusal(Add((new(), child("nobody")))) == NoSuchParent(queue="q", id="nobody")
    assert await probe.refusal(Add((new(), parent("a"), child("a")))) == DuplicateId(queue="q", id="a")
    assert await probe.refusal(Add((new(), child("a")))) == WrongState(queue="q", id="a", state="waiting")
    assert ids(await probe.claim()) == ["a"]
    assert ids(await probe.add(new())) == ["2"]


async def test_a_lost_lease_settles_nothing(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(), new())
    lost, held = await probe.claim(token="a", lease_ms=10)
    await probe.settle(done(held))
    clock.advance(10)
    assert await probe.recover() == (ref("1"),)
    again = await probe.claim_one(token="b")
    assert await probe.settle(done(lost), done(held), done(again)) == (
        LeaseLost(queue="q", id="1"),
        LeaseLost(queue="q", id="2"),
        None,
    )


async def test_failed_attempts_pause_count_and_are_remembered(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(attempts=2, backoff=pause(10)))
    await probe.settle(failed(await probe.claim_one(), "first"))
    first = Failure("first", attempt=1, at=clock.now)
    record = await probe.record(ref("1"))
    assert (record.state, record.due_at, record.failures) == ("delayed", clock.now + 10, (first,))
    clock.advance(10)
    await probe.settle(failed(await probe.claim_one(), "second"))
    record = await probe.record(ref("1"))
    second = Failure("second", attempt=2, at=clock.now)
    assert (record.state, record.failure, record.failures) == ("failed", second, (first, second))
    assert (record.attempts_made, record.attempts_started) == (2, 2)


async def test_a_job_put_back_goes_to_the_front_and_its_queue_rests(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(), new())
    await probe.settle(put_back(await probe.claim_one(), rest_ms=50))
    assert await probe.claimed() == Claimed((), 50)
    clock.advance(50)
    assert ids(await probe.claim()) == ["1", "2"]


async def test_a_postponed_job_uses_up_no_attempt(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new())
    await probe.settle(later(await probe.claim_one(), 5))
    clock.advance(5)
    lease = await probe.claim_one()
    assert (lease.attempts_made, lease.attempts_started) == (0, 2)


async def test_a_job_that_stalled_too_often_comes_with_its_failure(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(max_stalled=1), new())
    for _ in range(2):
        assert (await probe.claim_one(lease_ms=1)).deferred is None
        clock.advance(1)
        assert await probe.recover() == (ref("1"),)
    lease = await probe.claim_one(names=())
    assert lease.deferred == Failure(STALLED_REASON, "stalled", at=clock.now)
    assert lease.stalls == 2


async def test_finished_jobs_go_by_their_retention(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(new(keep_completed=keep(0)), *(new(keep_completed=keep(2)) for _ in range(3)))
    for _ in range(4):
        await probe.finish()
        clock.advance(1)
    assert [await probe.exists(ref(str(number))) for number in range(1, 5)] == [False, False, True, True]


async def test_a_flow_of_three_levels_runs_from_the_leaves_to_the_root(probe: Desk) -> None:
    await probe.add(
        parent("root", queue="a"),
        child("root", of_queue="a", queue="b", id="mid", has_children=True),
        child("mid", of_queue="b", queue="c"),
        child("mid", of_queue="b", queue="c"),
    )
    assert await probe.claim("a", "b") == ()
    await probe.finish("c")
    assert await probe.claim("a", "b") == ()
    await probe.finish("c")
    assert await probe.claim("a") == ()
    await probe.finish("b")
    await probe.finish("a")
    assert (await probe.record(ref("root", "a"))).state == "completed"


async def test_a_failed_leaf_fails_its_whole_flow_without_running_it(probe: Desk, clock: FrozenClock) -> None:
    await probe.add(
        new(queue="b"),
        parent("root", queue="a", delay_ms=1_000),
        child("root", of_queue="a", queue="b", id="mid", has_children=True),
        child("mid", of_queue="b", queue="c"),
        child("mid", of_queue="b", queue="c"),
    )
    clock.advance(3)
    await probe.fail("c")
    mid = await probe.record(ref("mid", "b"))
    reason = child_failed("c", "1").reason
    assert (mid.state, mid.failure) == ("waiting", Failure(reason, "child-failed", at=clock.now))
    assert (mid.children_pending, mid.children) == (1, 2)
    lease = await probe.fail("b")
    assert (lease.id, lease.deferred and lease.deferred.cause) == ("mid", "child-failed")
    assert (await probe.fail("a")).deferred is not None
    await probe.finish("c")
    assert await probe.states(ref("root", "a"), ref("mid", "b")) == ["failed", "failed"]


async def test_a_failed_child_with_the_policy_wait_leaves_its_parent_waiting(probe: Desk) -> None:
    await probe.add(parent("p"), child("p", queue="r", policy="wait"), child("p", queue="r"))
    await probe.fail("r")
    await probe.finish("r")
    record = await probe.record(ref("p"))
    assert (record.state, record.children_pending, record.failure) == ("waiting-children", 1, None)


async def test_a_job_waits_for_children_it_added_while_it_ran(probe: Desk) -> None:
    await probe.add(new(), new())
    lease = await probe.claim_one()
    await probe.add(child("1", queue="r"))
    await probe.settle(awaits_children(lease))
    assert await probe.state(ref("1")) == "waiting-children"
    await probe.finish("r")
    assert ids(await probe.claim()) == ["1", "2"]
