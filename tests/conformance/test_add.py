"""Add: jobs and whole flows, all or none."""

import pytest

from headrace.core.commands import Add, Queues, Read
from headrace.core.errors import DuplicateId, NoSuchParent, Refused, WrongState
from headrace.core.jobs import JobRecord, JobRef, NewJob, Options, Parent
from headrace.core.log import Change

from .clock import FrozenClock
from .desk import Desk, child, done, ids, new, parent, pause, ref


async def test_a_job_is_stored_as_it_was_given(desk: Desk, clock: FrozenClock) -> None:
    options = Options(attempts=3, backoff=pause(10), timeout_ms=5, max_stalled=2)
    (job,) = await desk.add(NewJob("q", "task", '{"a": [1,  2]}', priority=4, options=options))
    assert await desk.record(job) == JobRecord(
        queue="q",
        id="1",
        name="task",
        state="prioritized",
        data='{"a": [1,  2]}',
        options=options,
        priority=4,
        added_at=clock.now,
    )


async def test_text_of_any_language_comes_back_byte_for_byte(desk: Desk) -> None:
    text = '{"name":"Zürich \\u0000 😀 \\"","n":12345678901234567890,"f":1.0}'
    (job,) = await desk.add(new("émoji 🎉", data=text))
    record = await desk.record(job)
    assert (record.name, record.data) == ("émoji 🎉", text)


async def test_adding_nothing_is_allowed(desk: Desk) -> None:
    assert await desk.add() == ()
    assert (await desk.run(Queues())).queues == ()


async def test_ids_are_decimal_numbers_of_the_queue_from_1(desk: Desk) -> None:
    first = await desk.add(new(), new(), new(queue="r"))
    assert first == (JobRef("q", "1"), JobRef("q", "2"), JobRef("r", "1"))
    assert await desk.add(new()) == (JobRef("q", "3"),)


async def test_a_job_with_a_custom_id_uses_up_a_number(desk: Desk) -> None:
    assert ids(await desk.add(new(), new(id="a"), new())) == ["1", "a", "3"]


async def test_a_duplicate_uses_up_no_number(desk: Desk) -> None:
    await desk.add(new(id="a"))
    assert ids(await desk.add(new(id="a"), new())) == ["a", "2"]


async def test_numbers_are_not_used_twice_after_a_removal(desk: Desk) -> None:
    jobs = await desk.add(new(), new())
    await desk.remove(*jobs)
    assert ids(await desk.add(new())) == ["3"]


async def test_jobs_queue_up_in_the_order_of_arrival(desk: Desk) -> None:
    await desk.add(new(), new())
    await desk.add(new())
    assert await desk.ids("waiting") == ["1", "2", "3"]


async def test_jobs_with_a_priority_queue_up_by_priority_and_arrival(desk: Desk) -> None:
    await desk.add(new(priority=5), new(priority=1), new(priority=5), new(priority=1), new())
    assert await desk.ids("prioritized") == ["2", "4", "1", "3"]
    assert await desk.ids("waiting") == ["5"]


async def test_lifo_jobs_go_to_the_front(desk: Desk) -> None:
    await desk.add(new(), new(lifo=True), new(lifo=True), new())
    assert await desk.ids("waiting") == ["3", "2", "1", "4"]


async def test_lifo_jobs_with_a_priority_go_to_the_front_of_their_priority(desk: Desk) -> None:
    await desk.add(new(priority=1), new(priority=2), new(priority=2, lifo=True))
    assert await desk.ids("prioritized") == ["1", "3", "2"]


async def test_a_job_with_a_delay_waits_for_its_time(desk: Desk, clock: FrozenClock) -> None:
    (job,) = await desk.add(new(delay_ms=500, priority=3))
    record = await desk.record(job)
    assert (record.state, record.due_at, record.priority) == ("delayed", clock.now + 500, 3)


async def test_each_job_leaves_an_event(desk: Desk) -> None:
    await desk.add(new(), new(priority=1), new(delay_ms=1), parent("p"), child("p"))
    states = ["waiting", "prioritized", "delayed", "waiting-children", "waiting"]
    keys = ["1", "2", "3", "p", "5"]
    assert await desk.events() == list(zip(keys, map(Change, states), strict=True))  # type: ignore[arg-type]


async def test_events_carry_the_time_and_as_little_as_possible(desk: Desk, clock: FrozenClock) -> None:
    await desk.add(new())
    (entry,) = (await desk.run(Read("jobs/q"))).entries
    assert (entry.position, entry.at, entry.key, entry.body) == (1, clock.now, "1", '{"state":"waiting"}')


async def test_a_custom_id_is_stored_once(desk: Desk) -> None:
    await desk.add(new(id="a", data="1"))
    added = await desk.run(Add((new(), new(id="a", data="2"))))
    assert (added.jobs, added.existing) == ((ref("2"), ref("a")), (1,))
    assert (await desk.record(ref("a"))).data == "1"
    assert len(await desk.changes(ref("a"))) == 1


async def test_a_custom_id_is_stored_once_within_one_command(desk: Desk) -> None:
    added = await desk.run(Add((new(id="a", data="1"), new(id="a", data="2"))))
    assert (added.jobs, added.existing) == ((ref("a"), ref("a")), (1,))
    assert (await desk.record(ref("a"))).data == "1"


async def test_the_same_id_in_two_queues_is_two_jobs(desk: Desk) -> None:
    added = await desk.run(Add((new(id="a"), new(id="a", queue="r"))))
    assert added.existing == ()
    assert await desk.states(ref("a"), ref("a", "r")) == ["waiting", "waiting"]


async def test_a_custom_id_is_free_again_after_a_removal(desk: Desk) -> None:
    await desk.add(new(id="a", data="1"))
    await desk.remove(ref("a"))
    assert (await desk.run(Add((new(id="a", data="2"),)))).existing == ()
    assert (await desk.record(ref("a"))).data == "2"


async def test_a_finished_job_keeps_its_custom_id(desk: Desk) -> None:
    await desk.add(new(id="a"))
    await desk.finish()
    assert (await desk.run(Add((new(id="a"),)))).existing == (0,)
    assert await desk.state(ref("a")) == "completed"


async def test_a_parent_waits_for_the_children_that_follow_it(desk: Desk) -> None:
    await desk.add(parent("p", priority=2), child("p"), child("p", queue="r", policy="wait"))
    record = await desk.record(ref("p"))
    assert (record.state, record.children_pending, record.children) == ("waiting-children", 2, 2)
    assert (await desk.record(ref("1", "r"))).parent == Parent("q", "p", "wait")


async def test_a_parent_that_no_child_followed_goes_on_at_once(desk: Desk) -> None:
    await desk.add(parent("p"), parent("d", delay_ms=10), parent("n", priority=1))
    assert await desk.states(ref("p"), ref("d"), ref("n")) == ["waiting", "delayed", "prioritized"]
    assert await desk.changes(ref("p")) == [Change("waiting-children"), Change("waiting", "waiting-children")]


async def test_a_child_can_be_added_to_a_parent_that_waits(desk: Desk) -> None:
    await desk.add(parent("p"), child("p"))
    await desk.add(child("p", queue="r"))
    record = await desk.record(ref("p"))
    assert (record.children_pending, record.children) == (2, 2)


async def test_a_child_can_be_added_to_a_parent_that_runs(desk: Desk) -> None:
    await desk.add(new())
    await desk.claim_one()
    await desk.add(child("1", queue="r"))
    record = await desk.record(ref("1"))
    assert (record.state, record.children_pending) == ("active", 1)


async def test_a_node_needs_a_free_id(desk: Desk) -> None:
    await desk.add(new(id="a"))
    refusal = DuplicateId(queue="q", id="a")
    assert await desk.refusal(Add((new(), parent("a"), child("a")))) == refusal
    assert await desk.refusal(Add((parent("p"), child("p", id="a")))) == refusal
    assert await desk.refusal(Add((parent("p"), child("p"), parent("p")))) == DuplicateId(queue="q", id="p")


async def test_a_refused_add_stores_nothing(desk: Desk) -> None:
    await desk.refusal(Add((new(), new(queue="r"), child("nobody"))))
    assert await desk.counts() == await desk.counts("r") == {}
    assert await desk.events() == []
    assert ids(await desk.add(new())) == ["1"]


@pytest.mark.parametrize("queue", ["q", "never seen"])
async def test_a_child_needs_a_parent_that_exists(desk: Desk, queue: str) -> None:
    await desk.add(new())
    expected = NoSuchParent(queue=queue, id="nobody")
    assert await desk.refusal(Add((child("nobody", of_queue=queue),))) == expected


async def test_a_parent_must_come_before_its_children(desk: Desk) -> None:
    assert await desk.refusal(Add((child("p"), parent("p")))) == NoSuchParent(queue="q", id="p")


async def test_a_finished_job_takes_no_child(desk: Desk) -> None:
    await desk.add(new())
    await desk.finish()
    assert await desk.refusal(Add((child("1"),))) == WrongState(queue="q", id="1", state="completed")


@pytest.mark.parametrize(
    ("fields", "state"), [({}, "waiting"), ({"priority": 1}, "prioritized"), ({"delay_ms": 1}, "delayed")]
)
async def test_a_job_that_does_not_wait_for_children_takes_none(desk: Desk, fields: dict[str, int], state: str) -> None:
    refusal = WrongState(queue="q", id="a", state=state)
    assert await desk.refusal(Add((new(id="a", **fields), child("a")))) == refusal
    await desk.add(new(id="a", **fields))
    assert await desk.refusal(Add((child("a"),))) == refusal


async def test_a_repeated_request_gives_the_same_answer_and_changes_nothing(desk: Desk) -> None:
    first = await desk.run(Add((new(), new(id="a"), new(id="a")), "request"))
    assert await desk.run(Add((new(), new(id="a"), new(id="a")), "request")) == first
    assert await desk.counts() == {"waiting": 2}


async def test_a_repeated_request_is_answered_when_the_world_has_moved_on(desk: Desk) -> None:
    first = await desk.add(parent("p"), child("p"), request_id="request")
    await desk.finish()
    await desk.finish()
    await desk.remove(ref("p"))
    assert await desk.add(parent("p"), child("p"), request_id="request") == first
    assert not await desk.exists(ref("p"))


async def test_a_refused_request_may_be_tried_again(desk: Desk) -> None:
    await desk.refusal(Add((child("p"),), "request"))
    await desk.add(parent("p"), child("p", queue="r"))
    assert await desk.add(child("p"), request_id="request") == (ref("2"),)


async def test_two_adds_of_one_call_are_each_atomic(desk: Desk) -> None:
    good, bad, more = await desk.store.run(Add((new(),)), Add((new(), child("nobody"))), Add((new(),)))
    assert isinstance(bad, Refused)
    assert (good.jobs, more.jobs) == ((ref("1"),), (ref("2"),))  # type: ignore[union-attr]


async def test_the_same_request_twice_in_one_call_is_stored_once(desk: Desk) -> None:
    first, second = await desk.store.run(Add((new(),), "request"), Add((new(),), "request"))
    assert first == second
    assert await desk.counts() == {"waiting": 1}


async def test_ten_thousand_jobs_are_one_command(desk: Desk) -> None:
    jobs = await desk.add(*(new() for _ in range(10_000)))
    assert ids(jobs) == [str(number) for number in range(1, 10_001)]
    assert await desk.counts() == {"waiting": 10_000}


async def test_a_job_added_by_a_running_job_leaves_it_free_to_finish(desk: Desk) -> None:
    await desk.add(new())
    lease = await desk.claim_one()
    await desk.add(new(queue="r"))
    assert await desk.settle(done(lease)) == (None,)


@pytest.mark.parametrize("queues", [["q"], ["q", "q", "q"], ["q", "r", "q"], ["q", "q", "r", "r"], []])
async def test_a_repeated_request_is_answered_as_the_first_time(desk: Desk, queues: list[str]) -> None:
    jobs = [new(queue=queue) for queue in queues]
    first = await desk.add(*jobs, request_id="once")
    assert await desk.add(*jobs, request_id="once") == first
    assert sum([sum((await desk.counts(queue)).values()) for queue in set(queues)]) == len(queues)
