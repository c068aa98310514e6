"""Fire: the job of a slot and the step to the next slot, both or neither."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.core.commands import Add, Configure, Fire, Fired, Forget, Move, Remove
from headrace.core.errors import NoSuchParent, QueueFull
from headrace.core.jobs import Parent, Slot
from headrace.core.schedule_errors import NoSuchSchedule, ScheduleChanged

from .clock import FrozenClock
from .desk import Desk, child, new, ref
from .plans import plan, put, read


def fire(version: int | None = 1, **fields: Any) -> Fire:
    usual: dict[str, Any] = {"slot": 100, "next_at": 200} | fields
    return Fire("s", version, **usual)


async def test_a_slot_adds_its_job_and_the_next_one_is_written_down(desk: Desk) -> None:
    await put(desk, "s", plan(job=new("work", data='{"a":  1}', priority=3)))
    assert await desk.run(fire()) == Fired(ref("1"))
    job = await desk.record(ref("1"))
    assert (job.name, job.data, job.state, job.options.slot) == ("work", '{"a":  1}', "prioritized", Slot("s", 100))
    known = await read(desk)
    assert (known.next_at, known.fired, known.slot_at, known.job, known.version) == (200, 1, 100, ref("1"), 2)


async def test_the_slot_comes_with_the_lease(desk: Desk) -> None:
    await put(desk, "s")
    await desk.run(fire())
    assert (await desk.claim_one()).options.slot == Slot("s", 100)


async def test_of_many_that_fire_a_slot_one_does(desk: Desk) -> None:
    await put(desk, "s")
    replies = await asyncio.gather(*(desk.store.run(fire()) for _ in range(20)))
    assert [reply for reply in replies if isinstance(reply, Fired)] == [Fired(ref("1"))]
    assert replies.count(ScheduleChanged(name="s")) == 19
    assert await desk.counts() == {"waiting": 1}


async def test_one_that_is_not_there_is_refused(desk: Desk) -> None:
    assert await desk.refusal(fire()) == NoSuchSchedule(name="s")
    assert await desk.refusal(fire(None)) == NoSuchSchedule(name="s")


async def test_what_refuses_the_job_refuses_the_slot(desk: Desk) -> None:
    known = await put(desk, "s", plan(job=replace(child("nobody"), parent=Parent("q", "nobody"))))
    assert await desk.refusal(fire()) == NoSuchParent(queue="q", id="nobody")
    assert await read(desk) == known


async def test_a_full_queue_keeps_the_slot_for_later(desk: Desk) -> None:
    known = await put(desk, "s", plan())
    await desk.run(Configure("q", max_waiting=0))
    for command in (fire(), fire(None)):
        refusal = await desk.refusal(command)
        assert isinstance(refusal, QueueFull)
        assert (refusal.queue, refusal.most) == ("q", 0)
    assert await read(desk) == known
    await desk.run(Configure("q", max_waiting=1))
    assert await desk.run(fire()) == Fired(ref("1"))


async def test_jitter_delays_the_job_beside_its_own_delay(desk: Desk, clock: FrozenClock) -> None:
    await put(desk, "s", plan(job=new("work", delay_ms=40)))
    await desk.run(fire(delay_ms=7))
    assert (await desk.record(ref("1"))).due_at == clock.now + 47


async def test_without_a_slot_what_has_come_is_passed_over(desk: Desk) -> None:
    await put(desk, "s")
    assert await desk.run(fire(slot=None)) == Fired()
    known = await read(desk)
    assert (known.next_at, known.fired, known.skipped, known.version) == (200, 0, 0, 2)


async def test_after_its_count_it_is_over(desk: Desk) -> None:
    await put(desk, "s", plan(count=2))
    await desk.run(fire())
    assert (await read(desk)).next_at == 200
    await desk.run(fire(2, slot=200, next_at=300))
    assert (await read(desk)).next_at is None


@pytest.mark.parametrize("state", ["waiting", "delayed", "active"])
async def test_a_slot_skips_while_the_job_before_has_not_finished(desk: Desk, state: str) -> None:
    await put(desk, "s", plan(job=new("work", delay_ms=9 if state == "delayed" else 0), overlap="skip", count=2))
    await desk.run(fire())
    if state == "active":
        await desk.claim_one()
    assert await desk.run(fire(2, slot=200, next_at=300)) == Fired()
    known = await read(desk)
    assert (known.next_at, known.fired, known.skipped, known.job) == (300, 1, 1, ref("1"))


@pytest.mark.parametrize("overlap", ["skip", "queue"])
async def test_a_job_that_finished_or_was_removed_is_in_nobodys_way(desk: Desk, overlap: Any) -> None:
    await put(desk, "s", plan(overlap=overlap))
    await desk.run(fire())
    await desk.finish()
    assert await desk.run(fire(2)) == Fired(ref("2"))
    await desk.fail()
    assert await desk.run(fire(3)) == Fired(ref("3"))
    await desk.remove(ref("3"))
    assert await desk.run(fire(4)) == Fired(ref("4"))


async def moved(desk: Desk) -> None:
    await desk.run(Move((ref("1"),), "move", to="elsewhere"))


async def obliterated(desk: Desk) -> None:
    await desk.claim_one()
    await desk.run(Remove((ref("1"),), is_forced=True))
    await desk.run(Forget("q"))


@pytest.mark.parametrize("overlap", ["skip", "queue"])
@pytest.mark.parametrize("goes", [moved, obliterated])
async def test_the_chain_goes_on_when_its_last_job_is_gone(desk: Desk, overlap: Any, goes: Any) -> None:
    await put(desk, "s", plan(overlap=overlap))
    await desk.run(fire())
    await goes(desk)
    assert await desk.run(fire(2, slot=200, next_at=300)) == Fired(ref("2"))
    assert await desk.run(fire(3, slot=300, next_at=400)) == Fired(is_waiting=overlap == "queue")
    known = await read(desk)
    assert (known.fired, known.slot_at, known.job) == (2, 200, ref("2"))


async def test_a_slot_in_line_changes_nothing_until_the_job_before_has_finished(desk: Desk) -> None:
    await put(desk, "s", plan(overlap="queue"))
    await desk.run(fire())
    known = await read(desk)
    assert await desk.run(fire(2, slot=200, next_at=300)) == Fired(is_waiting=True)
    assert await read(desk) == known
    await desk.finish()
    assert await desk.run(fire(2, slot=200, next_at=300)) == Fired(ref("2"))


async def test_slots_overlap_if_that_is_allowed(desk: Desk) -> None:
    await put(desk, "s")
    await desk.run(fire())
    assert await desk.run(fire(2)) == Fired(ref("2"))


async def test_by_hand_a_job_is_added_whatever_the_schedule_says(desk: Desk, clock: FrozenClock) -> None:
    known = await put(desk, "s", plan(count=1, overlap="skip"), next_at=None, paused="by hand")
    assert await desk.run(Fire("s")) == Fired(ref("1"))
    assert await desk.run(Fire("s", slot=5)) == Fired(ref("2"))
    assert [(await desk.record(ref(number))).options.slot for number in "12"] == [Slot("s", clock.now), Slot("s", 5)]
    assert await read(desk) == replace(known, version=3, job=ref("2"))


async def test_by_hand_a_request_that_comes_again_adds_nothing_more(desk: Desk) -> None:
    await put(desk, "s")
    assert await desk.run(Fire("s", request_id="r")) == await desk.run(Fire("s", request_id="r")) == Fired(ref("1"))
    assert await desk.counts() == {"waiting": 1}


async def test_by_hand_a_request_that_comes_again_tells_of_the_first_job_though_the_plan_has_changed(
    desk: Desk,
) -> None:
    await put(desk, "s")
    await desk.run(Fire("s", request_id="r"))
    await put(desk, "s", plan(job=new("work", queue="elsewhere")), version=2)
    assert await desk.run(Fire("s", request_id="r")) == Fired(ref("1"))
    assert (await read(desk)).job == ref("1")


async def test_by_hand_a_request_that_was_answered_without_a_job_adds_none(desk: Desk) -> None:
    known = await put(desk, "s")
    await desk.run(Add((), "r"))
    assert await desk.run(Fire("s", request_id="r")) == Fired()
    assert await read(desk) == known
    assert await desk.counts() == {}


async def test_by_hand_a_request_that_was_answered_with_several_jobs_tells_of_the_first(desk: Desk) -> None:
    await put(desk, "s")
    await desk.run(Add((new("a", queue="elsewhere"), new("b")), "r"))
    assert await desk.run(Fire("s", request_id="r")) == Fired(ref("1", "elsewhere"))
    assert (await read(desk)).job == ref("1", "elsewhere")


async def test_it_fires_into_a_paused_queue(desk: Desk) -> None:
    await put(desk, "s")
    await desk.run(Configure("q", is_paused=True))
    assert await desk.run(fire()) == Fired(ref("1"))
    assert await desk.claim() == ()
