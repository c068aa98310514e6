"""Dedup keys in Add, Settle, Move, Remove and Forget: a queue takes one job of a key, as long as the key lasts."""

from typing import Any

import pytest

from headrace.core.commands import Add, Added, Configure, DedupRecord, Forget, QueueList, Queues, Recover
from headrace.core.errors import DuplicateId, NoSuchQueue, QueueFull, QueueNotEmpty
from headrace.core.jobs import Dedup, Follow, NewJob

from .clock import FrozenClock
from .desk import Desk, child, done, failed, ids, keep, later, new, parent, ref


def keyed(name: str = "task", key: str = "k", *, delay_ms: int = 0, queue: str = "q", **fields: Any) -> NewJob:
    """A job with a dedup key; fields are those of Dedup, and of jobs."""
    how = {field: fields.pop(field) for field in Dedup.__struct_fields__ if field in fields}
    return new(name, queue=queue, delay_ms=delay_ms, dedup=Dedup(key, **how), **fields)


async def add(desk: Desk, *jobs: NewJob) -> Added:
    added: Added = await desk.run(Add(jobs))
    return added


async def is_free(desk: Desk, key: str = "k", queue: str = "q") -> bool:
    """Whether the next job of this key is stored; it is taken away again, and the key with it."""
    added = await add(desk, keyed("probe", key, queue=queue))
    if not added.duplicates:
        await desk.remove(*added.jobs)
    return not added.duplicates


# -- until the job has finished ----------------------------------------------------------------------------------------


async def test_a_duplicate_is_not_stored_and_names_the_job_that_has_the_key(desk: Desk) -> None:
    first = await add(desk, keyed("a", data="1"))
    again = await add(desk, new("other"), keyed("b", data="2"))
    assert (first.duplicates, again.duplicates) == ((), (1,))
    assert again.jobs == (ref("2"), ref("1"))
    assert (await desk.counts()) == {"waiting": 2}
    assert (await desk.record(ref("1"))).data == "1"
    assert (await desk.add(new()))[0].id == "3"  # it took no number


async def test_the_key_is_in_the_options_of_the_job(desk: Desk) -> None:
    await add(desk, keyed(ttl_ms=9))
    assert (await desk.record(ref("1"))).options.dedup == Dedup("k", ttl_ms=9)
    assert (await desk.claim_one()).options.dedup == Dedup("k", ttl_ms=9)


async def test_keys_are_those_of_a_queue(desk: Desk) -> None:
    added = await add(desk, keyed(), keyed(key="other"), keyed(queue="r"))
    assert added.duplicates == ()


async def test_the_second_of_two_in_one_add_is_a_duplicate_of_the_first(desk: Desk) -> None:
    added = await add(desk, keyed("a"), keyed("b"), keyed("c", key="other"))
    assert (added.jobs, added.duplicates) == ((ref("1"), ref("1"), ref("2")), (1,))


async def test_each_duplicate_is_an_event_of_the_job_that_has_the_key(desk: Desk) -> None:
    await add(desk, keyed())
    await add(desk, keyed())
    assert [change.state for change in await desk.changes(ref("1"))] == ["waiting", "deduplicated"]


@pytest.mark.parametrize("end", ["completes", "fails", "is cancelled", "is removed", "goes to another queue"])
async def test_the_key_is_free_when_the_job(desk: Desk, end: str) -> None:
    await add(desk, keyed())
    match end:
        case "completes":
            await desk.finish()
        case "fails":
            await desk.fail()
        case "is cancelled":
            await desk.move("cancel", ref("1"))
        case "is removed":
            await desk.remove(ref("1"))
        case _:
            await desk.move("move", ref("1"), to="r")
    assert await is_free(desk)


async def test_the_key_is_taken_while_the_job_runs_waits_for_its_next_attempt_or_stalls(
    desk: Desk, clock: FrozenClock
) -> None:
    await add(desk, keyed(attempts=3))
    lease = await desk.claim_one()
    assert not await is_free(desk)
    await desk.settle(failed(lease))
    assert not await is_free(desk)
    lease = await desk.claim_one()
    await desk.settle(later(lease, 50))
    assert not await is_free(desk)
    clock.advance(50)
    await desk.claim(lease_ms=10)
    clock.advance(10)
    await desk.recover()
    assert not await is_free(desk)
    await desk.finish()
    assert await is_free(desk)


async def test_retention_that_takes_the_job_at_once_frees_the_key_all_the_same(desk: Desk) -> None:
    await add(desk, keyed(keep_completed=keep(0)))
    await desk.finish()
    assert await is_free(desk)


async def test_a_retried_job_has_its_key_again_unless_another_has_it(desk: Desk) -> None:
    await add(desk, keyed())
    await desk.fail()
    await desk.move("retry", ref("1"))
    assert (await add(desk, keyed())).jobs == (ref("1"),)
    await desk.fail()
    await add(desk, keyed("other"))
    await desk.move("retry", ref("1"))
    assert (await add(desk, keyed())).jobs == (ref("2"),)
    await desk.move("prioritise", ref("1"), priority=1)
    await desk.move("cancel", ref("1"))
    assert not await is_free(desk), "the end of a job that has not the key frees nothing"


async def test_an_id_that_is_there_comes_before_the_key(desk: Desk) -> None:
    await add(desk, keyed(id="mine"), new(id="there"))
    added = await add(desk, keyed(id="there"), keyed(id="mine", key="other"))
    assert (added.existing, added.duplicates) == ((0, 1), ())
    assert await is_free(desk, "other"), "a job that was there takes no key"


async def test_a_repeated_request_is_no_duplicate_of_itself(desk: Desk) -> None:
    first = await desk.run(Add((keyed(),), "request"))
    assert await desk.run(Add((keyed(),), "request")) == first
    second = await desk.run(Add((keyed(),), "another"))
    assert second.duplicates == (0,)
    assert await desk.run(Add((keyed(),), "another")) == second


async def test_a_queue_tells_which_job_has_a_key_and_until_when(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(), keyed(id="mine", key="timed", ttl_ms=100), keyed(key="always", is_forever=True))
    await desk.add(new(queue="r"))

    async def asked(key: str) -> list[DedupRecord | None]:
        return [record.dedup for record in (await desk.run(Queues(dedup=key))).queues]

    assert await asked("k") == [DedupRecord(ref("1")), None]
    assert await asked("timed") == [DedupRecord(ref("mine"), clock.now + 100), None]
    assert await asked("always") == [DedupRecord(ref("3"), is_forever=True), None]
    assert await asked("other") == [None, None]
    assert [record.dedup for record in (await desk.run(Queues())).queues] == [None, None]
    assert await desk.run(Queues(("nowhere",), "k")) == QueueList(())
    await desk.finish()
    await desk.finish()
    clock.advance(99)
    assert (await asked("k"))[0] is None
    assert (await asked("timed"))[0] == DedupRecord(ref("mine"), clock.now + 1)
    await desk.remove(ref("3"))
    clock.advance(1)
    assert (await asked("timed"))[0] is None
    assert (await asked("always"))[0] is None, "the job was removed, and took its key along"


async def test_a_queue_tells_that_a_duplicate_is_kept_for_the_end_of_the_job(desk: Desk) -> None:
    await add(desk, keyed(keeps_last=True))
    (lease,) = await desk.claim()
    (record,) = (await desk.run(Queues(("q",), "k"))).queues
    assert record.dedup == DedupRecord(ref("1"))
    await add(desk, keyed(keeps_last=True))
    (record,) = (await desk.run(Queues(("q",), "k"))).queues
    assert record.dedup == DedupRecord(ref("1"), is_kept=True)
    await desk.settle(done(lease))
    (record,) = (await desk.run(Queues(("q",), "k"))).queues
    assert record.dedup == DedupRecord(ref("2"))


# -- for a time, and for ever ------------------------------------------------------------------------------------------


async def test_a_key_for_a_time_lasts_so_long_whatever_becomes_of_the_job(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(ttl_ms=100, keep_completed=keep(0)))
    await desk.finish()
    clock.advance(99)
    added = await add(desk, keyed(ttl_ms=100))
    assert (added.jobs, added.duplicates) == ((ref("1"),), (0,))
    assert not await desk.exists(ref("1"))
    clock.advance(1)
    assert (await add(desk, keyed(ttl_ms=100))).jobs == (ref("2"),)


async def test_a_key_for_a_time_is_free_after_it_though_the_job_waits(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(ttl_ms=100))
    clock.advance(100)
    assert (await add(desk, keyed(ttl_ms=100))).jobs == (ref("2"),)
    await desk.remove(ref("1"))
    assert not await is_free(desk), "the end of a job that has the key no longer frees nothing"


async def test_a_duplicate_prolongs_only_if_it_extends_and_never_shortens(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(ttl_ms=100))
    clock.advance(60)
    await add(desk, keyed(ttl_ms=100), keyed(ttl_ms=100, extends=True), keyed(ttl_ms=1, extends=True))
    clock.advance(99)
    assert (await add(desk, keyed(ttl_ms=100))).duplicates == (0,)
    clock.advance(1)
    assert (await add(desk, keyed(ttl_ms=100))).duplicates == ()


async def test_to_extend_changes_no_key_that_lasts_otherwise(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(), keyed(key="ever", is_forever=True))
    await add(desk, keyed(ttl_ms=10, extends=True), keyed(key="ever", ttl_ms=10, extends=True))
    clock.advance(10)
    assert not await is_free(desk)
    assert not await is_free(desk, "ever")


async def test_a_key_for_ever_outlives_its_job(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(id="mine", is_forever=True))
    await desk.finish()
    await desk.remove(ref("mine"))
    clock.advance(10**12)
    await desk.recover()
    await add(desk, new(id="mine"))  # a stranger, whose fate is none of the key's business
    await desk.remove(ref("mine"))
    added = await add(desk, keyed(is_forever=True))
    assert (added.jobs, added.duplicates) == ((ref("mine"),), (0,))


@pytest.mark.parametrize("how", [{"ttl_ms": 1_000}, {"is_forever": True}])
async def test_what_is_removed_before_it_has_finished_takes_its_key_along(desk: Desk, how: dict[str, Any]) -> None:
    await add(desk, keyed(**how))
    await desk.remove(queue="q", states=("waiting",))
    assert await is_free(desk)
    await add(desk, keyed(**how))
    await desk.claim()
    await desk.remove(ref("3"), is_forced=True)
    assert await is_free(desk)


# -- what a duplicate does ---------------------------------------------------------------------------------------------


async def test_a_duplicate_that_replaces_takes_the_place_of_a_job_that_is_delayed(
    desk: Desk, clock: FrozenClock
) -> None:
    await add(desk, keyed(delay_ms=100, data="1", replaces=True))
    clock.advance(60)
    added = await add(desk, keyed(delay_ms=100, data="2", replaces=True))
    assert (added.jobs, added.duplicates, added.replaced) == ((ref("2"),), (), ((0, ref("1")),))
    assert await desk.counts() == {"delayed": 1}
    record = await desk.record(ref("2"))
    assert (record.data, record.due_at) == ("2", clock.now + 100)
    assert [(key, change.state, change.was) for key, change in await desk.events()] == [
        ("1", "delayed", None),
        ("1", "deduplicated", None),
        ("1", "removed", "delayed"),
        ("2", "delayed", None),
    ]
    clock.advance(100)
    assert (await add(desk, keyed(delay_ms=100, replaces=True))).replaced == ((0, ref("2")),), "due, but not promoted"


@pytest.mark.parametrize("how", ["replaces", "reschedules"])
async def test_a_job_that_is_not_delayed_is_neither_replaced_nor_rescheduled(desk: Desk, how: str) -> None:
    await add(desk, keyed())
    for state in ("waiting", "active"):
        assert await desk.counts() == {state: 1}
        added = await add(desk, keyed(delay_ms=100, **{how: True}))
        assert (added.jobs, added.duplicates, added.replaced) == ((ref("1"),), (0,), ())
        await desk.claim()
    assert await desk.counts() == {"active": 1}


async def test_what_replaces_has_the_key_as_long_as_the_first_had_it(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(delay_ms=500, ttl_ms=100))
    clock.advance(60)
    assert (await add(desk, keyed(delay_ms=500, ttl_ms=100, replaces=True))).replaced
    clock.advance(39)
    assert not await is_free(desk)
    clock.advance(1)
    assert await is_free(desk)
    await add(desk, keyed(delay_ms=500, ttl_ms=100))
    clock.advance(60)
    await add(desk, keyed(delay_ms=500, ttl_ms=100, replaces=True, extends=True))
    clock.advance(99)
    assert not await is_free(desk)
    clock.advance(1)
    assert await is_free(desk)


async def test_the_newest_of_one_add_replaces_those_before(desk: Desk) -> None:
    jobs = [keyed(str(number), delay_ms=9, replaces=True, id=f"i{number}") for number in range(3)]
    added = await add(desk, *jobs, new(id="i0"))
    assert added.jobs == (ref("i0"), ref("i1"), ref("i2"), ref("i0"))
    assert (added.existing, added.replaced) == ((), ((1, ref("i0")), (2, ref("i1"))))
    assert await desk.ids("delayed") == ["i2"]


@pytest.mark.parametrize("how", ["replaces", "reschedules"])
@pytest.mark.parametrize("is_at_once", [False, True])
async def test_a_job_that_a_replacement_lets_go_on_is_delayed_for_those_behind_it_in_the_add(
    desk: Desk, clock: FrozenClock, how: str, is_at_once: bool
) -> None:
    waiting = keyed(key="waiting", id="waiting", delay_ms=50, queue="f", has_children=True)
    below = keyed(delay_ms=100, parent=child("waiting", of_queue="f").parent)
    duplicates = keyed(replaces=True), keyed(key="waiting", id="newest", delay_ms=70, queue="f", **{how: True})
    if is_at_once:
        await add(desk, waiting, below, *duplicates)
    else:
        await add(desk, waiting, below)
        await add(desk, *duplicates)
    (delayed,) = await desk.found("f", "delayed")
    assert delayed.due_at == clock.now + 70
    last = {
        "replaces": [("waiting", "removed", "delayed"), ("newest", "delayed", None)],
        "reschedules": [("waiting", "delayed", "delayed")],
    }
    assert [(key, change.state, change.was) for key, change in await desk.events("f")] == [
        ("waiting", "waiting-children", None),
        ("waiting", "delayed", "waiting-children"),
        ("waiting", "deduplicated", None),
        *last[how],
    ]


@pytest.mark.parametrize("again", [new(id="rescue", queue="f"), keyed(key="rescue", queue="f")], ids=["id", "key"])
async def test_a_job_that_goes_with_one_that_is_replaced_is_gone_for_those_behind_it_in_the_add(
    desk: Desk, again: NewJob
) -> None:
    follows = (Follow("q", "first", "on_failure"),)
    await add(desk, keyed(id="first", delay_ms=100))
    await add(desk, keyed(key="rescue", id="rescue", queue="f", has_children=True, follows=follows))
    added = await add(desk, keyed(replaces=True), again)
    assert (added.existing, added.duplicates) == ((), ())
    assert await desk.counts("f") == {"waiting": 1}


async def test_a_duplicate_that_reschedules_lets_the_delay_begin_anew(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(delay_ms=100, data="1"))
    clock.advance(60)
    added = await add(desk, keyed(delay_ms=200, data="2", reschedules=True))
    assert (added.jobs, added.duplicates, added.replaced) == ((ref("1"),), (0,), ())
    record = await desk.record(ref("1"))
    assert (record.data, record.due_at, record.state) == ("1", clock.now + 200, "delayed")
    assert [change.state for change in await desk.changes(ref("1"))] == ["delayed", "deduplicated", "delayed"]


async def test_what_was_added_and_rescheduled_at_once_is_due_by_the_last(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, *(keyed(delay_ms=delay_ms, reschedules=True) for delay_ms in (100, 50, 70)))
    assert (await desk.record(ref("1"))).due_at == clock.now + 70


async def test_the_last_duplicate_of_a_running_job_is_added_when_that_has_finished(desk: Desk) -> None:
    await add(desk, keyed(data="1", keeps_last=True))
    added = await add(desk, keyed(data="x", keeps_last=True))
    assert (added.duplicates, added.kept) == ((0,), ()), "it waits: nothing is kept"
    lease = await desk.claim_one()
    for data in ("2", "3"):
        added = await add(desk, keyed("kept", data=data, keeps_last=True, priority=4))
        assert (added.jobs, added.duplicates, added.kept) == ((ref("1"),), (0,), (0,))
    assert await desk.counts() == {"active": 1}
    await desk.settle(failed(lease, is_retryable=False))
    record = await desk.record(ref("2"))
    assert (record.name, record.data, record.state, record.priority) == ("kept", "3", "prioritized", 4)
    assert (await add(desk, keyed())).jobs == (ref("2"),), "it has the key"
    await desk.finish()
    assert await desk.counts() == {"completed": 1, "failed": 1}, "it was kept once"
    assert await is_free(desk)


async def test_each_duplicate_of_one_add_is_told_that_it_was_kept(desk: Desk) -> None:
    await add(desk, keyed())
    await desk.claim()
    jobs = (keyed(), keyed(data="2", keeps_last=True), new(), keyed(data="3", keeps_last=True))
    first = await desk.run(Add(jobs, "request"))
    assert (first.duplicates, first.kept) == ((0, 1, 3), (1, 3))
    assert await desk.run(Add(jobs, "request")) == first, "also who asks once more"


async def test_what_was_kept_stays_so_while_the_job_is_tried_again(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(attempts=2))
    lease = await desk.claim_one()
    await add(desk, keyed("kept", keeps_last=True, delay_ms=30))
    await desk.settle(failed(lease))
    assert await desk.counts() == {"waiting": 1}
    clock.advance(20)
    await desk.finish()
    assert (await desk.record(ref("2"))).due_at == clock.now + 30


async def test_what_was_kept_is_added_when_a_job_is_cancelled_that_went_back(desk: Desk) -> None:
    await add(desk, keyed(attempts=2, keep_failed=keep(0)))
    lease = await desk.claim_one()
    await add(desk, keyed("kept", keeps_last=True))
    await desk.settle(failed(lease))
    await desk.move("cancel", ref("1"))
    assert ids(await desk.found("q", "waiting")) == ["2"]
    assert not await desk.exists(ref("1"))


async def test_what_was_kept_is_forgotten_when_the_job_is_removed(desk: Desk) -> None:
    await add(desk, keyed())
    await desk.claim()
    await add(desk, keyed("kept", keeps_last=True))
    await desk.remove(ref("1"), is_forced=True)
    assert await desk.counts() == {}
    assert await is_free(desk)


async def test_what_was_kept_is_not_added_if_its_id_is_taken_by_then(desk: Desk) -> None:
    await add(desk, keyed())
    lease = await desk.claim_one()
    await add(desk, keyed("kept", keeps_last=True, id="mine"))
    await add(desk, new("stranger", id="mine"))
    await desk.settle(failed(lease, is_retryable=False))
    assert [record.name for record in await desk.found("q", "waiting")] == ["stranger"]
    assert await is_free(desk)


@pytest.mark.parametrize("how", [{"ttl_ms": 1_000}, {"is_forever": True}])
async def test_a_key_that_outlives_its_job_keeps_nothing_for_the_end_of_it(desk: Desk, how: dict[str, Any]) -> None:
    await add(desk, keyed(**how))
    lease = await desk.claim_one()
    assert (await add(desk, keyed(keeps_last=True))).duplicates == (0,)
    await desk.settle(failed(lease, is_retryable=False))
    assert await desk.counts() == {"failed": 1}


async def test_kept_jobs_of_one_settle_are_added_in_the_order_of_the_jobs_that_finished(desk: Desk) -> None:
    await add(desk, keyed(key="a"), keyed(key="b"))
    one, other = await desk.claim()
    await add(desk, keyed("of a", key="a", keeps_last=True), keyed("of b", key="b", keeps_last=True))
    await desk.settle(failed(other, is_retryable=False), failed(one, is_retryable=False))
    assert [record.name for record in await desk.found("q", "waiting")] == ["of b", "of a"]


# -- flows -------------------------------------------------------------------------------------------------------------


def flow(root: str, **how: Any) -> tuple[NewJob, ...]:
    below = parent(f"{root}-mid", parent=child(root).parent, queue="m")
    return keyed(id=root, has_children=True, **how), below, child(f"{root}-mid", of_queue="m", queue="leaves")


async def test_a_duplicate_with_children_is_dropped_with_all_that_stand_below(desk: Desk) -> None:
    await add(desk, *flow("a"))
    added = await add(desk, *flow("b", replaces=True), new("alone", queue="z"))
    assert (added.jobs, added.duplicates) == ((ref("a"), ref("a"), ref("a"), ref("1", "z")), (0, 1, 2))
    assert [len(await desk.tree(ref(root))) for root in ("a", "b")] == [3, 0]
    assert (await desk.counts("leaves"), await desk.counts("m")) == ({"waiting": 1}, {"waiting-children": 1})


async def test_a_dropped_flow_makes_no_queue(desk: Desk) -> None:
    await add(desk, keyed())
    await add(desk, *flow("b"))
    assert [queue.name for queue in (await desk.run(Queues())).queues] == ["q"]


async def test_a_taken_id_below_a_duplicate_refuses_all_of_it(desk: Desk) -> None:
    await add(desk, keyed(), new(id="b-mid", queue="m"))
    refused = await desk.refusal(Add((*flow("b"),)))
    assert refused == DuplicateId(queue="m", id="b-mid")
    assert [change.state for change in await desk.changes(ref("1"))] == ["waiting"]


async def test_the_key_of_a_flow_is_free_when_its_root_has_finished(desk: Desk) -> None:
    await add(desk, keyed(id="a", has_children=True), child("a", queue="leaves"))
    await desk.finish("leaves")
    assert not await is_free(desk)
    await desk.finish()
    assert await is_free(desk)


# -- by hand -----------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_forgotten_is_free_and_its_job_stays(desk: Desk) -> None:
    await add(desk, keyed(id="mine", is_forever=True))
    assert (await desk.run(Forget("q", "k"))).job == ref("mine")
    assert (await desk.run(Forget("q", "k"))).job is None
    assert await desk.counts() == {"waiting": 1}
    assert (await add(desk, keyed())).duplicates == ()
    await desk.finish()
    assert not await is_free(desk), "the first job has not the key any more"


async def test_nobody_has_a_key_whose_time_is_over(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(ttl_ms=5))
    clock.advance(5)
    assert (await desk.run(Forget("q", "k"))).job is None


async def test_what_was_kept_is_forgotten_with_the_key(desk: Desk) -> None:
    await add(desk, keyed())
    lease = await desk.claim_one()
    await add(desk, keyed("kept", keeps_last=True))
    await desk.run(Forget("q", "k"))
    await desk.settle(failed(lease, is_retryable=False))
    assert await desk.counts() == {"failed": 1}


async def test_a_key_of_no_queue_cannot_be_forgotten(desk: Desk) -> None:
    assert await desk.refusal(Forget("nowhere", "k")) == NoSuchQueue(queue="nowhere")


async def test_a_queue_that_is_forgotten_has_no_keys(desk: Desk) -> None:
    await add(desk, keyed(is_forever=True, keep_completed=keep(0)))
    assert await desk.refusal(Forget("q")) == QueueNotEmpty(queue="q")
    await desk.finish()
    await desk.run(Forget("q"))
    await desk.run(Configure("q"))
    assert await is_free(desk)


async def test_keys_whose_time_is_over_go_with_the_next_recovery(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(ttl_ms=5), keyed(key="other", ttl_ms=6))
    clock.advance(5)
    await desk.recover()
    assert not await is_free(desk, "other")
    assert await is_free(desk)


async def test_a_key_is_free_when_its_job_has_expired(desk: Desk, clock: FrozenClock) -> None:
    await add(desk, keyed(expires_ms=100))
    clock.advance(100)
    await desk.run(Recover())
    assert await desk.counts() == {"failed": 1}
    assert await is_free(desk)


async def test_a_duplicate_needs_no_room_in_a_full_queue(desk: Desk) -> None:
    await desk.run(Configure("q", max_waiting=1))
    owner = await add(desk, keyed())
    for dropped in (keyed(), keyed(replaces=True)):
        assert (await add(desk, dropped)).duplicates == (0,)
    root = keyed(id="root", has_children=True)
    step = new("step", has_children=True, follows=(Follow("q", "root", "finally"),))
    assert (await add(desk, root, child("root", queue="q"), step)).jobs == owner.jobs * 3
    assert await desk.counts() == {"waiting": 1}
    assert isinstance(await desk.refusal(Add((new(),))), QueueFull)


async def test_a_duplicate_of_a_job_in_the_same_add_needs_no_room_either(desk: Desk) -> None:
    await desk.run(Configure("q", max_waiting=2))
    root = keyed(id="root", has_children=True)
    added = await add(desk, keyed(), keyed(), keyed(replaces=True), root, child("root", queue="q"))
    assert added.duplicates == (1, 2, 3, 4)
    delayed = keyed(key="other", delay_ms=5, replaces=True)
    assert len((await add(desk, delayed, delayed)).replaced) == 1
    assert await desk.counts() == {"waiting": 1, "delayed": 1}
    assert isinstance(await desk.refusal(Add((keyed(key="third"), keyed(key="third")))), QueueFull)


async def test_a_job_with_the_id_of_a_duplicate_needs_room_as_that_is_not_stored(desk: Desk) -> None:
    await add(desk, keyed())
    await desk.run(Configure("q", max_waiting=1))
    assert isinstance(await desk.refusal(Add((keyed(id="x"), new(id="x")))), QueueFull)
    await desk.run(Configure("q", max_waiting=2))
    assert (await add(desk, keyed(id="x"), new(id="x"), new(id="x"))).jobs == (ref("1"), ref("x"), ref("x"))


async def test_what_follows_a_job_that_is_there_already_needs_room_though_the_key_of_that_is_taken(desk: Desk) -> None:
    await add(desk, keyed(id="x"))
    await desk.run(Configure("q", max_waiting=1))
    again, step = keyed(id="x"), new("step", has_children=True, follows=(Follow("q", "x", "ignore"),))
    assert isinstance(await desk.refusal(Add((again, step))), QueueFull)
    await desk.run(Configure("q", max_waiting=2))
    added = await add(desk, again, step)
    assert (added.existing, added.duplicates) == ((0,), ())
    assert await desk.counts() == {"waiting": 1, "waiting-children": 1}


async def test_the_steps_of_a_duplicate_are_dropped_with_it(desk: Desk) -> None:
    owner = await add(desk, keyed())
    step = new("step", has_children=True, follows=(Follow("q", "root", "finally"),))
    added = await add(desk, keyed(id="root"), step)
    assert (added.jobs, added.duplicates) == (owner.jobs * 2, (0, 1))
    assert await desk.counts() == {"waiting": 1}
